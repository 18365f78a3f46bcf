"""The part of the address space that the JSON API has, and what holds for every request to it."""

from flask import Blueprint, Response

from web.api import authentication, errors

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
blueprint.before_request(authentication.require_token)
blueprint.register_error_handler(errors.ApiFault, errors.answer_fault)


@blueprint.after_request
def keep_out_of_caches(response: Response) -> Response:
    """Orders are personal: an answer is not to be stored, a work only by who asked for it."""
    if response.cache_control.no_cache:
        response.cache_control.private = True
    else:
        response.cache_control.no_store = True
    return response
