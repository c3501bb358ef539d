"""The pages of the underwriter's desk."""

from fastapi import APIRouter

from serving.routes.desk import batches, decisions, disputes, files, policies

router = APIRouter(tags=["pages"], include_in_schema=False)
for routes in (files, decisions, batches, policies, disputes):
    router.include_router(routes.router)
