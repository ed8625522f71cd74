"""Customers over HTTP: what is kept of one person, and that nothing is any longer; for administrators."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from regard.serving.access import Caller, needs
from regard.serving.documents import answers, document
from regard.serving.server import At

router = APIRouter(tags=["customers"])

Admin = Annotated[Caller, Depends(needs("admin"))]
Id = Annotated[
    str, Path(min_length=1, max_length=512, description="Of any characters, percent-encoded.", examples=["C42"])
]

PATIENCE = 5.0
"""Seconds for which an erasure waits for another writer before it says that it is not done yet."""

_EXPORTED = answers("admin_export", "Everything that is kept of the customer, place by place.")
_ERASED = answers(
    "erasure", "The proof. `done` is empty where another writer is at work, and whatever writes next finishes it."
)


@router.get("/v1/customers/{id:path}", summary="Export a customer", response_class=Response, responses=_EXPORTED)
async def get_customer(id: Id, at: At, caller: Admin) -> Response:
    """Everything that is kept of one customer, under whatever id it came; also of one who does not consent."""
    return document(await at.study(at.shop.export, id))


@router.delete("/v1/customers/{id:path}", summary="Erase a customer", response_class=Response, responses=_ERASED)
async def delete_customer(id: Id, at: At, caller: Admin) -> Response:
    """Take a customer out of every place, with every id that was joined to them; it cannot be taken back.

    They are hidden at once. What they did before stays out, however it is sent again; what they do afterwards begins anew.
    """
    proof = await at.study(at.shop.erase, id, patience=PATIENCE)
    at.audit.write(caller.name, "customer.erase", str(proof.number))
    return document(asdict(proof))
