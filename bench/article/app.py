"""The article's two views as one Django application: N requests side by side with
asyncio, and one after another. Both fetch from the benchmark's upstream, so that
what differs from the other systems is the fan-out alone."""

import asyncio
import os
import time

import httpx
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import JsonResponse
from django.urls import path

UPSTREAM = os.environ["UPSTREAM"]
NUM = 10

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for this benchmark",
)


def url(task_id):
    return f"http://{UPSTREAM}/api/?task_id={task_id}"


async def fetch(client, task_id):
    response = await client.get(url(task_id))
    return response.json()


async def aggregated(request):
    start = time.perf_counter()
    async with httpx.AsyncClient() as client:
        responses = await asyncio.gather(*[fetch(client, i) for i in range(NUM)])
    elapsed = time.perf_counter() - start
    return JsonResponse(
        {
            "message": "Hello Async World",
            "responses": responses,
            "debug_message": f"fetch executed in {elapsed:.2f} seconds.",
        }
    )


def aggregated_sync(request):
    start = time.perf_counter()
    with httpx.Client() as client:
        responses = [client.get(url(i)).json() for i in range(NUM)]
    elapsed = time.perf_counter() - start
    return JsonResponse(
        {
            "message": "Hello Sync World!",
            "aggregated_responses": responses,
            "debug_message": f"fetch executed in {elapsed:.2f} seconds.",
        }
    )


urlpatterns = [
    path("api/aggregated/", aggregated),
    path("api/aggregated_sync/", aggregated_sync),
]

application = get_asgi_application()
