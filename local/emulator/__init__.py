"""The AWS emulator (ministack) and what it lacks.

    account.py        credentials, environment and clients for the emulated AWS
    process.py        starts and stops the emulator
    server.py         runs the emulator with a second port for the HTTP API
    api_routes.py     creates the API's routes from the template
    sam_transform.py  expands the SAM template in the emulator's environment
    docker_proxy.py   lets Docker containers reach the emulator (`make invoke`)

`server` and `sam_transform` run in the emulator's own environment: this file imports nothing.
"""
