"""What the admin function does, route by route; `functions/admin` gathers the `HANDLERS`."""
