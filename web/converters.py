"""Parts of addresses that are more than text."""

from werkzeug.routing import BaseConverter

from providers.kinds import StageType


class StageTypeConverter(BaseConverter):
    """``<stage_type:...>``: the name of a stage type as it stands in the enum; anything else is not found."""

    regex = "|".join(StageType)

    def to_python(self, value: str) -> StageType:
        return StageType(value)

    def to_url(self, value: str) -> str:
        return str(value)
