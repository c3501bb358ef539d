"""A caller of the application in this process: each call runs it to the end and returns the answer."""

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI

BASE = "http://testserver"


class Client:
    """Calls the application as `httpx` would call a server; cookies are kept, redirects are not followed."""

    def __init__(self, app: FastAPI, **headers: str) -> None:
        self.app = app
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.cookies = httpx.Cookies()

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers: dict[str, Any] = {**self.headers, **arguments.pop("headers", {})}
        return asyncio.run(self._request(method, path, headers=headers, **arguments))

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("GET", path, **arguments)

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("POST", path, **arguments)

    async def _request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE, cookies=self.cookies) as client:
            answer = await client.request(method, path, **arguments)
            self.cookies = client.cookies
            return answer
