"""The handlers: one for each route, and one for each function that serves no route.

check, reserve and settle are the modules of the functions of these names, and import only what
these functions need. The other routes are served by the admin function, which collects them in
`admin`. authorizer, publish and rollover serve no route.
"""
