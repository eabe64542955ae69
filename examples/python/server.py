"""An MCP server behind Holdfast. It answers requests with an assertion of the user, and no others."""

import os

from fastmcp import Context, FastMCP
from fastmcp.server.auth.providers.jwt import JWTVerifier
from fastmcp.server.dependencies import get_access_token
from mcp_types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult

# Such as https://mcp.example.com/upstream: the member `upstreamIssuer` of the construct.
ISSUER = os.environ["HOLDFAST_ISSUER"]
# As in the setting `upstreams`; by default the URL of this server.
AUDIENCE = os.environ["AUDIENCE"]

assertions = JWTVerifier(jwks_uri=f"{ISSUER}/jwks.json", issuer=ISSUER, audience=AUDIENCE, algorithm="ES256")
CONFIRMATION = {"type": "object", "properties": {"value": {"type": "boolean"}}, "required": ["value"]}

mcp = FastMCP("orders", instructions="Orders of the user.", auth=assertions)


@mcp.tool
def whoami() -> dict:
    """Returns the claims of the assertion."""
    return get_access_token().claims


@mcp.tool
async def count_orders(ctx: Context) -> int:
    """Counts the orders, and reports its progress."""
    for step in range(1, 4):
        await ctx.report_progress(step, 3, f"Warehouse {step}")
    return 42


@mcp.tool
def cancel_order(order: str, ctx: Context) -> str | InputRequiredResult:
    """Cancels an order after the user has confirmed it."""
    answer = (ctx.input_responses or {}).get("confirm")
    if answer is None:
        message = f"Cancel order {order}?"
        request = ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=CONFIRMATION))
        return InputRequiredResult(input_requests={"confirm": request})
    confirmed = answer.action == "accept" and answer.content["value"] is True
    return f"Order {order} is cancelled" if confirmed else "Nothing was cancelled"


@mcp.tool
def fail() -> None:
    """Fails."""
    raise ValueError("There is no such order")


@mcp.resource("order://{order}")
def order(order: str) -> str:
    """An order."""
    return f"Order {order}"


@mcp.prompt
def review(order: str) -> str:
    """Asks for a review of an order."""
    return f"Review order {order}"


class AssertionHeader:
    """Where Lambda verifies the signature of AWS in `Authorization`, the assertion has a header of Holdfast."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        headers = scope.get("headers", [])
        assertion = dict(headers).get(b"x-holdfast-assertion")
        if assertion is not None:
            others = [header for header in headers if header[0] != b"authorization"]
            scope = {**scope, "headers": [*others, (b"authorization", b"Bearer " + assertion)]}
        await self.app(scope, receive, send)


# No session in memory: each request can reach another process.
app = AssertionHeader(mcp.http_app(path="/mcp", stateless_http=True))
