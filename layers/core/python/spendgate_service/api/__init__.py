"""The HTTP API and the settlement queue: what callers send comes in here, responses go out.

    http            Request and Response, as the handlers see them
    route           @route, the one declaration of a route, on its handler
    routes          every route, collected from the handlers
    dispatch        from an event of API Gateway to a handler and back
    queue           the consumer of the settlement queue; `isolation` finds a message that kills it
    lambda_handler  what every function does around its work
    handlers/       the work: read the request, call one capability, build the response
    bodies/         what callers send: declared as pydantic's models are and read by its core
                    (ADR 51); `json_body` parses strictly, `validation` turns the core's errors into
                    sentences
    parameters      the parameters in path, query and headers, by type; `query` and `moments` read
                    them, `usage_query` those of the usage log
    principal       the caller by its API key; `author` who makes a change
    idempotency     a creation happens once; `fingerprint` tells a replay from another request
    tags            ETag and If-Match
    notes           what a caller is warned of; `alternatives` what fits instead; `lease_terms`
                    what the holder of a lease needs to know
    export          a ledger in parts; `usage_export` the usage log, `spreadsheet` cells of CSV
    static_files    the files of the console
    errors          one table from exception to status, code, type and metric; `exceptions` has
                    those that no rule of the domain raises
    openapi/        the OpenAPI document, derived from routes, bodies and responses

To add a route, write a handler with `@route` in `handlers/`, and the route in template.yaml: a test
holds the two equal. Its docstring becomes the summary in the OpenAPI document and in docs/api.md.

A request is admitted by the role of its API key (`Route.roles`), read by its models, and answered
by exactly one handler. Every exception becomes an error of one form in `errors`; a caller never
sees a stack trace. No module here knows DynamoDB: handlers call the capabilities of
`app.Spendgate`.
"""
