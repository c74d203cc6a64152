"""Checks of the gateway, the authorizer and the request path, by HTTP."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.aws.checks import Unanswered, check, expect
from tests.aws.stack import Stack, eventually

_CALLERS = 20


@check("health responds without a key")
def health(stack: Stack) -> str:
    started = time.monotonic()
    response = stack.send("GET", "/v1/health", key=None)
    expect(response.status_code == 200, f"{response.status_code} {response.text}")
    return f"200 in {(time.monotonic() - started) * 1000:.0f} ms, which may be a cold start"


@check("the OpenAPI document passes the gateway whole")
def openapi(stack: Stack) -> str:
    document = stack.send("GET", "/v1/openapi.json", key=None)
    paths = document.json()["paths"]
    expect("/v1/reservations" in paths, f"paths: {sorted(paths)[:5]}")
    return f"{len(paths)} paths in {len(document.content)} bytes"


@check("an unknown path has the API's own error format")
def unknown_path(stack: Stack) -> str:
    response = stack.send("GET", "/v1/no-such-path", key=None)
    expect(response.status_code == 404, f"{response.status_code} {response.text}")
    return str(response.json()["error"]["code"])


@check("a request without a key is 401 in the gateway's own format")
def without_key(stack: Stack) -> str:
    response = stack.send("GET", "/v1/me", key=None)
    expect(response.status_code == 401, f"{response.status_code} {response.text}")
    return f"401 {response.text.strip()[:80]}"


@check("an unknown key is 401 with a code")
def unknown_key(stack: Stack) -> str:
    response = stack.send("GET", "/v1/me", key="sg.unknown.key_x.secret")
    expect(response.status_code == 401, f"{response.status_code} {response.text}")
    return f"401 {response.text.strip()[:80]}"


@check("the authorizer's cache tells two keys apart by their header")
def cached_by_header(stack: Stack) -> str:
    for _first_and_cached in range(2):
        roles = [
            stack.done("GET", "/v1/me", key=key)["role"] for key in (stack.admin, stack.caller)
        ]
        expect(roles == ["admin", "caller"], f"roles {roles}")
    return "admin, caller, and the same from the cache"


@check("a revoked key stops within AuthorizerCacheSeconds")
def revoked_key(stack: Stack) -> str:
    made = stack.new_key()
    stack.done("GET", "/v1/me", key=made["secret"])
    stack.done("DELETE", f"/v1/keys/{made['key_id']}", key=stack.admin)
    started = time.monotonic()
    seconds = int(stack.parameters["AuthorizerCacheSeconds"])
    eventually(
        lambda: stack.send("GET", "/v1/me", key=made["secret"]).status_code == 401,
        seconds=seconds + 15,
    )
    return f"after {time.monotonic() - started:.0f} s, with a cache of {seconds} s"


@check("a reservation is settled, and the balance says so")
def reserve_and_settle(stack: Stack) -> str:
    subject = stack.budget("10")
    reserved = stack.reserve(subject, "0.05")
    expect(reserved.status_code == 201, f"{reserved.status_code} {reserved.text[:200]}")
    path = f"/v1/reservations/{reserved.json()['reservation_id']}/settle"
    stack.done("POST", path, {"actual": {"usd": "0.031"}}, key=stack.caller)
    spend = stack.send("GET", f"/v1/spend?agent={subject}", key=stack.caller).text
    expect("0.031" in spend, spend[:200])
    return "0.05 reserved, 0.031 spent"


@check("subjects beyond ASCII pass the lean DynamoDB client's signature")
def signature(stack: Stack) -> str:
    subjects = {"agent": "a+b=c/d é漢", "user": "x y%20&"}
    sent = {"subjects": subjects, "actual": {"usd": "1"}}
    response = stack.send(
        "POST", "/v1/spend", sent, key=stack.caller, idempotency_key=uuid.uuid4().hex
    )
    expect(response.status_code < 500, f"{response.status_code} {response.text[:200]}")
    return f"{response.status_code}: DynamoDB accepted the signed requests"


@check("a repeated request has the first response")
def replay(stack: Stack) -> str:
    subject, key = stack.budget("1"), uuid.uuid4().hex
    wish = {"subjects": {"agent": subject}, "amounts": {"usd": "0.6"}}
    ids = {
        stack.done("POST", "/v1/reservations", wish, key=stack.caller, idempotency_key=key)[
            "reservation_id"
        ]
        for _first_and_repeated in range(3)
    }
    expect(len(ids) == 1, f"reservations {ids}")
    return "three requests, one reservation"


@check("callers at the same moment get no more than the limit")
def contention(stack: Stack) -> str:
    subject = stack.budget("10")
    with ThreadPoolExecutor(_CALLERS) as pool:
        codes = list(
            pool.map(lambda _: stack.reserve(subject, "1").status_code, range(2 * _CALLERS))
        )
    granted = codes.count(201)
    expect(granted <= 10, f"{granted} of 10 granted")
    expect(granted == 10 or 503 in codes, f"{granted} of 10 granted, codes {sorted(set(codes))}")
    return (
        f"{granted} of {len(codes)} granted with a limit of 10; {codes.count(503)} asked to retry"
    )


@check("settlements at the same moment are counted once each (transaction conflicts)")
def transaction_conflicts(stack: Stack) -> str:
    subject = stack.budget("1000")
    ids = [stack.reserve(subject, "1").json()["reservation_id"] for _ in range(_CALLERS)]

    def settle(reservation: str) -> int:
        body, code = {"actual": {"usd": "1"}}, 0
        for _attempt in range(10):
            path = f"/v1/reservations/{reservation}/settle"
            code = stack.send("POST", path, body, key=stack.caller).status_code
            if code < 500:
                return code
            time.sleep(1)
        return code

    with ThreadPoolExecutor(_CALLERS) as pool:
        codes = list(pool.map(settle, ids))
    budgets = stack.done("GET", f"/v1/spend?agent={subject}", key=stack.caller)
    expect(set(codes) == {200}, f"codes {sorted(set(codes))}")
    expect(str(float(_CALLERS)).rstrip("0").rstrip(".") in str(budgets), str(budgets)[:200])
    return f"{_CALLERS} settled at once"


@check("the gateway rejects a body of more than 10 MB", emulator="the emulator has no limit")
def large_body(stack: Stack) -> str:
    response = stack.send("POST", "/v1/check", {"x": "y" * 11_000_000}, key=stack.caller)
    expect(response.status_code == 413, f"{response.status_code} {response.text[:100]}")
    return f"413 {response.text.strip()[:80]}"


@check(
    "the gateway's own 429 has no error code of Spendgate",
    emulator="the emulator does not throttle",
)
def gateway_throttles(stack: Stack) -> str:
    burst = int(stack.parameters["ApiBurstLimit"])
    if burst > 50:
        raise Unanswered(
            f"ApiBurstLimit is {burst}: deploy with ApiRateLimit=5 ApiBurstLimit=5 once"
        )
    with ThreadPoolExecutor(50) as pool:
        responses = list(
            pool.map(lambda _: stack.send("GET", "/v1/health", key=None), range(burst * 10))
        )
    rejected = [response for response in responses if response.status_code == 429]
    expect(rejected, "no request was rejected")
    expect("error" not in rejected[0].json(), rejected[0].text)
    return f"{len(rejected)} rejected: {rejected[0].text.strip()[:80]}"


@check("the custom domain serves the API, and the default endpoint as chosen")
def domain(stack: Stack) -> str:
    if not (name := stack.parameters.get("DomainName")):
        raise Unanswered("the stack has no DomainName")
    response = stack.http.get(f"https://{name}/v1/health")
    expect(response.status_code == 200, f"{response.status_code} {response.text}")
    api = stack.aws("apigatewayv2").get_api(ApiId=stack.physical_ids["Api"])
    closed = stack.parameters["DefaultEndpoint"] == "false"
    expect(api["DisableExecuteApiEndpoint"] is closed, str(api["DisableExecuteApiEndpoint"]))
    return f"200; the default endpoint is {'closed' if closed else 'open'}"


@check("the console loads with its security headers")
def console(stack: Stack) -> str:
    url = stack.outputs.get("ConsoleUrl")
    if url is None:
        raise Unanswered("the stack has no console")
    if stack.emulated:  # the emulator serves the API of that host name under the API's own URL
        url = f"{stack.url}/console"
    response = stack.http.get(url, follow_redirects=True)
    expect(response.status_code == 200, f"{response.status_code}")
    policy = response.headers.get("content-security-policy", "")
    expect("default-src 'none'" in policy, f"the policy is {policy!r}")
    return f"{len(response.content)} bytes from {url}"
