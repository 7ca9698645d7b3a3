"""A small xAPI client for the tests: it says what a request is, and leaves every answer to the test."""

import ssl
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

Statement = dict[str, Any]

# Made once, because reading the system's certificates takes 80 ms; the tests' server has none.
TLS = ssl.create_default_context()


class Client:
    """Speaks to the server at `url` with one credential and one version of the standard."""

    def __init__(self, url: str, key: str, secret: str, *, version: str = "1.0.3") -> None:
        self.url = url
        self.auth = (key, secret)
        self.version = version
        self.http = httpx.Client(
            base_url=f"{url}/xapi/",
            auth=self.auth,
            headers={"X-Experience-API-Version": version},
            timeout=60,
            verify=TLS,
            follow_redirects=False,
        )
        self.others: list[Client] = []

    def speaking(self, version: str) -> "Client":
        """The same client in another version; closed with this one, if not before."""
        self.others.append(Client(self.url, *self.auth, version=version))
        return self.others[-1]

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Any request below /xapi/."""
        return self.http.request(method, path, params=params, json=json, content=content, headers=headers)

    def post_statements(self, statements: Statement | Sequence[Statement]) -> httpx.Response:
        """POST /xapi/statements with one statement or several."""
        return self.request("POST", "statements", json=statements)

    def put_statement(self, id: str, statement: Statement) -> httpx.Response:
        """PUT /xapi/statements?statementId=..."""
        return self.request("PUT", "statements", params={"statementId": id}, json=statement)

    def get_statements(self, params: Mapping[str, str] | None = None) -> httpx.Response:
        """GET /xapi/statements with the parameters as they are given."""
        return self.request("GET", "statements", params=params)

    def all_statements(self, params: Mapping[str, str] | None = None) -> list[Statement]:
        """Every statement that a query gives, through all `more` links."""
        answer = self.get_statements(params).raise_for_status().json()
        found: list[Statement] = answer["statements"]
        while more := answer.get("more"):
            answer = self.http.get(httpx.URL(self.url).join(more)).raise_for_status().json()
            found += answer["statements"]
        return found

    def close(self) -> None:
        """Give the connections back."""
        for other in self.others:
            other.close()
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
