"""What the contract promises beside its schemas, looked at on the answers that Schemathesis gets.

The environment says where: REEVE_URL, REEVE_TOKEN (the fleet's administrator), REEVE_STRANGER (the owner of another tenant),
REEVE_ERRORS (api/errors.def), REEVE_KNOWN (names of what exists, "variable=value" each) and REEVE_CALLS (the file that takes the
number of calls).
"""

import atexit
import json
import os
import random
import re
import uuid

import requests
import schemathesis

url = os.environ["REEVE_URL"]
token = os.environ["REEVE_TOKEN"]
stranger = os.environ["REEVE_STRANGER"]
codes = {
    code: int(status)
    for status, code in re.findall(r'^E\(\w+, *(\d+), *"(\w+)"', open(os.environ["REEVE_ERRORS"]).read(), re.M)
    if status != "0"
}
known = {}
for pair in os.environ["REEVE_KNOWN"].split():
    known.setdefault(pair.split("=")[0], []).append(pair.split("=")[1])
secrets = ("token", "join_token")
# What the framing of a message is refused with, before there is a request.
framing = (400, 408, 413, 414, 431, 501)
draw = random.Random(os.environ.get("REEVE_SEED", "1"))
session = requests.Session()
calls = {"generated": 0, "repeated": 0}


@atexit.register
def calls_write():
    with open(os.environ["REEVE_CALLS"], "w") as f:
        f.write(f"{calls['generated']} {calls['repeated']}\n")


def demand(holds, what, answer):
    if not holds:
        raise AssertionError(f"{what}\n{answer.status_code} {dict(answer.headers)}\n{answer.content[:600]!r}")


def header(answer, name):
    value = answer.headers.get(name.lower()) if not isinstance(answer, requests.Response) else answer.headers.get(name)
    return value[0] if isinstance(value, list) else value


def document(answer):
    try:
        return json.loads(answer.content)
    except ValueError:
        return None


def repeat(answer, method=None, body=None, drop=(), **headers):
    """The same call again, with other headers; a header named in drop is left out."""
    was = answer.request
    sent = {k: v for k, v in was.headers.items() if k.lower() not in ("content-length", *[d.lower() for d in drop])}
    sent.update({k.replace("_", "-"): v for k, v in headers.items()})
    calls["repeated"] += 1
    again = requests.Request(method or was.method, was.url, headers=sent, data=was.body if body is None else body)
    return session.send(again.prepare(), timeout=20)


def is_problem(answer):
    doc = document(answer)
    return (
        (header(answer, "Content-Type") or "").startswith("application/problem+json")
        and isinstance(doc, dict)
        and codes.get(doc.get("code")) == answer.status_code == doc.get("status")
        and doc.get("type") == "/problems/" + doc["code"].replace("_", "-")
        and doc.get("instance") == header(answer, "X-Request-Id")
        and isinstance(doc.get("retryable"), bool)
    )


def refused(answer, status, code, what):
    demand(answer.status_code == status and (document(answer) or {}).get("code") == code and is_problem(answer), what, answer)


def sometimes(share):
    return draw.random() < share


def is_write(case):
    return case.method.upper() in ("POST", "PUT", "PATCH", "DELETE") and case.path.startswith("/v1/")


def takes_key(case):
    """What only asks takes none: the contract tells."""
    return is_write(case) and any(p.get("name") == "Idempotency-Key" for p in case.operation.definition.raw.get("parameters", []))


def is_dry(answer):
    return "dry_run=true" in (answer.request.url or "")


def is_done(answer):
    return 200 <= answer.status_code < 300


def needs_token(case):
    """Whom anybody may ask says so in the contract: the way in stands open."""
    return case.path.startswith("/v1/") and case.operation.definition.raw.get("security") != []


# Nobody saws off the branch.
own = ["tok_" + t.split("_")[2] for t in (token, stranger)]


@schemathesis.hook
def before_call(context, case, kwargs):
    if (case.path_parameters or {}).get("id") in own:
        case.path_parameters["id"] = "tok_" + 26 * "0"
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive:
        return
    if meta.phase.name.value.lower().startswith("stateful"):
        # What is only tried leads nowhere.
        (case.query or {}).pop("dry_run", None)
        return
    for name in list(case.path_parameters or {}):
        kind = case.path.split("/")[2] if name == "id" else name
        if known.get(kind) and sometimes(0.7):
            case.path_parameters[name] = draw.choice(known[kind])
    if takes_key(case) and sometimes(0.5):
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    if "If-Match" in case.headers and sometimes(0.5):
        case.headers["If-Match"] = "*"


@schemathesis.hook
def after_call(context, case, response):
    calls["generated"] += 1
    doc = document(response)
    if response.status_code == 201 and isinstance(doc, dict) and doc.get("id", "").startswith("plc_"):
        known.setdefault("placements", []).append(doc["id"])
        del known["placements"][:-50]


@schemathesis.check
def every_refusal_is_a_catalogued_problem(ctx, response, case):
    if response.status_code >= 400 and response.request.method != "HEAD" and case.path != "/readyz":
        demand(is_problem(response), "no problem of the catalogue", response)


@schemathesis.check
def every_answer_names_its_request_and_trace(ctx, response, case):
    demand(header(response, "X-Request-Id"), "without a request id", response)
    if response.status_code not in framing:
        parent = header(response, "traceparent") or ""
        demand(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", parent), "without a trace", response)


@schemathesis.check
def a_field_nobody_knows_is_refused(ctx, response, case):
    if not (is_write(case) and is_done(response) and response.request.body and sometimes(0.5)):
        return
    body = json.loads(response.request.body)
    body["nobody_knows_this"] = 1
    refused(repeat(response, body=json.dumps(body), drop=["Idempotency-Key"]), 422, "unknown_field", "an unknown field was taken")


@schemathesis.check
def without_a_token_nothing_is_answered(ctx, response, case):
    if needs_token(case) and response.request.method != "OPTIONS" and is_done(response) and sometimes(0.2):
        refused(repeat(response, drop=["Authorization"]), 401, "token_missing", "answered without a token")


def is_of_tenant(case):
    return case.path.startswith(("/v1/tenants/{", "/v1/placements/{"))


@schemathesis.check
def what_is_anothers_does_not_exist(ctx, response, case):
    if is_of_tenant(case) and case.method == "GET" and is_done(response) and "stranger" not in response.request.url:
        other = repeat(response, Authorization="Bearer " + stranger)
        if "stranger" not in json.dumps(document(response)):
            refused(other, 404, "not_found", "another tenant's object is seen")


def without_secrets(doc):
    if isinstance(doc, dict):
        return {k: v for k, v in doc.items() if k not in secrets}
    return doc


def ids(doc):
    return [doc["id"]] if "id" in doc else [item["id"] for item in doc["items"]]


@schemathesis.check
def the_same_key_gives_the_same_answer(ctx, response, case):
    key = (response.request.headers or {}).get("Idempotency-Key")
    if not (key and takes_key(case) and is_done(response)) or is_dry(response):
        return
    again = repeat(response)
    demand(again.status_code == response.status_code, "a repeat has another status", again)
    demand(again.headers.get("Idempotency-Replayed") == "true", "a repeat does not say so", again)
    if case.path.startswith("/v1/placements"):
        demand(ids(document(again)) == ids(document(response)), "a repeat has other placements", again)
    else:
        demand(without_secrets(document(again)) == without_secrets(document(response)), "a repeat has another body", again)


@schemathesis.check
def an_old_tag_is_refused(ctx, response, case):
    tag = (response.request.headers or {}).get("If-Match")
    if not (tag and case.method in ("PUT", "PATCH") and is_done(response)) or is_dry(response):
        return
    if case.path == "/v1/tenants/{tenant}" and "parent" in (json.loads(response.request.body or "{}") or {}):
        return  # it may have been moved: then nothing stands where it was asked for
    old = tag.strip() if tag.strip() != "*" else '"9007199254740991"'
    refused(repeat(response, drop=["Idempotency-Key"], If_Match=old), 412, "etag_mismatch", "an old ETag was taken")


@schemathesis.check
def a_dry_run_says_so(ctx, response, case):
    if not (is_write(case) and is_done(response)):
        return
    demand((header(response, "Dry-Run") == "true") == is_dry(response), "Dry-Run", response)
    if is_dry(response) and response.status_code == 201 and "batch" not in case.path:
        doc = document(response)
        demand("id" not in doc and not any(s in doc for s in secrets), "a dry run made an id", response)


@schemathesis.check
def what_was_released_stays_to_be_read(ctx, response, case):
    if case.method != "DELETE" or case.path != "/v1/placements/{id}" or not is_done(response) or is_dry(response):
        return
    for more in ("", "/explain"):
        was = response.request
        headers = {"Authorization": was.headers.get("Authorization", "")}
        calls["repeated"] += 1
        answer = session.get(was.url.split("?")[0] + more, headers=headers, timeout=20)
        demand(answer.status_code == 200 and document(answer)["id"] == document(response)["id"], "a released placement is gone", answer)


def is_read(case):
    return case.method == "GET" and case.operation.definition.raw.get("operationId") != "watch"


@schemathesis.check
def a_head_is_a_get_without_a_body(ctx, response, case):
    if not (is_read(case) and sometimes(0.3)) or "wait=" in response.request.url:
        return
    head = repeat(response, method="HEAD")
    demand(head.status_code == response.status_code, "HEAD has another status than GET", head)
    demand(not head.content, "HEAD has a body", head)
    for name in ("Content-Type", "ETag"):
        demand(head.headers.get(name) == header(response, name), f"HEAD has another {name} than GET", head)


@schemathesis.check
def what_a_client_has_is_not_sent_again(ctx, response, case):
    tag = header(response, "ETag")
    if tag and is_read(case) and response.status_code == 200:
        again = repeat(response, If_None_Match=tag)
        demand(again.status_code == 304 and not again.content and again.headers.get("ETag") == tag, "sent again", again)
