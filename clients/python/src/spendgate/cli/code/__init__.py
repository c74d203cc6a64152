"""Budgets as code: a file says what there shall be, and the service is made like it.

model      what a file may say, and the JSON Schema of it
periods    periods as the service compares them
reading    a file in YAML, with the line and column of each mistake
objects    the objects of a file and of the service in one normal form
state      the objects that the service has
planner    which changes lead from one to the other (no I/O)
warnings   what a person should know before a change is made (no I/O)
saved      a plan as JSON
showing    a plan as text and as Markdown
applying   make the changes, each on condition that the object is as it was planned on
importing  a file of what the service has
"""
