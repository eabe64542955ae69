"""Calls the tool `whoami` as each machine client of the arguments, in both eras, by the providers of the SDK.

It prints the `client_id` that the tool has received in each call.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.client.streamable_http import streamable_http_client

run = json.loads(sys.argv[1])


class MemoryStorage:
    def __init__(self):
        self.tokens = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens


def provider(machine):
    client_id = machine["client_id"]
    common = {
        "server_url": run["url"],
        "storage": MemoryStorage(),
        "client_id": client_id,
        "issuer": run["issuer"],
    }
    if "client_secret" in machine:
        return ClientCredentialsOAuthProvider(client_secret=machine["client_secret"], **common)
    signed = SignedJWTParameters(
        issuer=client_id, subject=client_id, signing_key=machine["key"], signing_algorithm="ES256"
    )
    return PrivateKeyJWTOAuthProvider(assertion_provider=signed.create_assertion_provider(), **common)


async def caller(machine, mode):
    async with httpx2.AsyncClient(auth=provider(machine), timeout=30) as http:
        async with Client(streamable_http_client(run["url"], http_client=http), mode=mode) as client:
            result = await client.call_tool("whoami")
    return json.loads(result.content[0].text)["client_id"]


async def main():
    print(json.dumps([await caller(machine, mode) for machine in run["machines"] for mode in ("legacy", "2026-07-28")]))


asyncio.run(main())
