"""Airflow's login before pages of ours, which Airflow mounts without asking anybody."""

from fastapi import FastAPI, HTTPException
from jwt import PyJWTError
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


def behind_login(app: FastAPI) -> FastAPI:
    """Return the app, which from now on answers 401 to who has not logged in."""
    app.middleware("http")(ask_for_login)
    return app


async def ask_for_login(
    request: Request, call_next: RequestResponseEndpoint
) -> Response:
    """Let in who has the UI's cookie or a bearer token: Airflow itself does not ask."""
    from airflow.api_fastapi.app import get_auth_manager

    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    token = request.cookies.get("_token") or bearer
    try:
        await get_auth_manager().get_user_from_token(token)
    except (PyJWTError, HTTPException, KeyError, ValueError):
        return PlainTextResponse("Log in to Airflow first.", status_code=401)
    return await call_next(request)
