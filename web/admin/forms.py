"""The forms of the administrator: which fields they have, and what a browser may type into them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from markupsafe import Markup, escape
from wtforms import HiddenField, PasswordField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.fields.core import Label
from wtforms.widgets import CheckboxInput, Select, TextInput

from domain.orders.rules import DEFAULT_LANGUAGE, LIMITS, MULTI_LINE, REQUIRED, Fault
from domain.provider_configs.changes import MAX_MODEL_LENGTH
from providers.kinds import ProviderKind, StageType, allowed_providers
from settings import current_settings
from web.form_keys import FORM_KEY
from web.i18n.messages import PROVIDER_TITLES, STAGE_NAMES, order_fault
from web.typed_form import TypedForm


class ModelSelect(Select):
    """A select whose ``listed`` models follow its choices, all written at once: there may be a thousand of them.

    What is to be said of a model, such as that it is new, stands behind its name and is no part of its value.
    """

    def __call__(self, field: "ModelField", **kwargs: Any) -> Markup:
        select = super().__call__(field, **kwargs)  # type: ignore[no-untyped-call]  # WTForms has no types
        opened = str(select).removesuffix("</select>")
        options = (
            f'<option{" selected" if model == field.data else ""} value="{name}">{name}{field.remark(model)}</option>'
            for model in field.listed
            for name in (escape(model),)
        )
        return Markup(f"{opened}{''.join(options)}</select>")  # noqa: S704  # each name is escaped


class ModelField(SelectField):
    """The models of a section; ``remarks`` is what to say of some of those that are ``listed``."""

    widget = ModelSelect()  # type: ignore[no-untyped-call]  # WTForms has no types
    listed: Sequence[str] = ()
    remarks: Mapping[str, str] = {}

    def remark(self, model: str) -> Markup:
        """What stands behind the name of ``model``."""
        words = self.remarks.get(model)
        return Markup(" ({})").format(words) if words else Markup("")


class SectionForm(TypedForm):
    """The settings of one section. Built anew for each section of a page, so its ids carry the section's name.

    ``key_hints`` is what to do with the field of the key, by provider: it changes with the choice.
    """

    FIELDS = ("stage_type", "provider_kind", "api_key", "model", "version", FORM_KEY)

    stage_type = HiddenField()
    version = HiddenField()
    provider_kind = SelectField(_("Provider"), validate_choice=False)
    api_key = PasswordField(
        _("API key"),
        render_kw={
            "autocomplete": "off",
            "autocapitalize": "none",
            "spellcheck": "false",
            # Managers of passwords leave alone what carries these.
            "data-1p-ignore": True,
            "data-lpignore": "true",
        },
    )
    model = ModelField(_("Model"), validate_choice=False)  # type: ignore[no-untyped-call]  # WTForms has no types

    def __init__(
        self, stage_type: StageType, *, version: int, chosen: ProviderKind | None, key_hints: Mapping[str, str]
    ) -> None:
        super().__init__(formdata=None)
        self.stage_type.data, self.version.data = stage_type.value, str(version)
        self.provider_kind.data = chosen or ""
        self.provider_kind.choices = list(_provider_choices(stage_type, chosen, key_hints))
        for field in self:
            field.id = f"{stage_type.lower()}-{field.name.replace('_', '-')}"
            field.label = Label(field.id, field.label.text)
        if stage_type is StageType.VOICE:
            self.model.label = Label(self.model.id, gettext("Reading voice"))

    def ask_for_model(self, chosen: str) -> None:
        """Have the id of a model typed, where no list can be chosen from."""
        self.model.widget = TextInput()  # type: ignore[assignment]  # WTForms expects any callable
        self.model.render_kw = {
            "value": chosen,
            "maxlength": MAX_MODEL_LENGTH,
            "autocomplete": "off",
            "autocapitalize": "none",
            "spellcheck": "false",
        }

    def offer_models(self, models: Iterable[str], chosen: str, remarks: Mapping[str, str]) -> None:
        """Fill the select of models; one that was chosen and is not listed stays chosen, and is marked."""
        self.model.listed, self.model.remarks = list(models), remarks
        first = gettext("the first of the list")
        if self.model.listed and not chosen:
            first = gettext("the first of the list: %(model)s", model=self.model.listed[0])
        choices = [SelectChoice("", first, {"data-first": True, "hidden": bool(chosen)})]
        if chosen and chosen not in self.model.listed:
            choices.append(SelectChoice(chosen, gettext("%(model)s (not in the list)", model=chosen)))
        self.model.choices, self.model.data = choices, chosen


def _provider_choices(
    stage_type: StageType, chosen: ProviderKind | None, key_hints: Mapping[str, str]
) -> Iterable[SelectChoice]:
    allowed = allowed_providers(stage_type, dummy=current_settings().dummy_provider)
    if chosen is None:
        yield SelectChoice("", gettext("— choose —"), {"data-key-hint": key_hints[""]})
    elif chosen not in allowed:
        words = gettext("%(provider)s (switched off)", provider=PROVIDER_TITLES[chosen])
        yield SelectChoice(chosen, words, {"data-key-hint": key_hints[chosen]})
    for kind in allowed:
        yield SelectChoice(kind, str(PROVIDER_TITLES[kind]), {"data-key-hint": key_hints[kind]})


class OrderForm(TypedForm):
    """An order as people place it; what it may hold is decided by ``domain.orders.rules``.

    ``HIDDEN`` fields are no part of the order. ``again`` stands only in a form that asks whether the same is meant once
    more.
    """

    FIELDS = (*LIMITS, "language")
    REPEATED = ("stages",)
    HIDDEN = (FORM_KEY, "again")

    recipient = StringField(_("For whom"), description=_("Name, and who it is to the customer."))
    occasion = StringField(_("Occasion"), description=_("Birthday, wedding, an anniversary…"))
    details = TextAreaField(
        _("What to tell"), description=_("Habits, stories, names: the more is told, the more personal the gift.")
    )
    tone = StringField(_("Tone"), description=_("Tender, funny, solemn…"))
    language = SelectField(_("Language of the works"), validate_choice=False, default=DEFAULT_LANGUAGE)
    # Several boxes to tick, one of them or more.
    stages = SelectMultipleField(
        _("What to make"), validate_choice=False, default=[StageType.POEM.value], option_widget=CheckboxInput()
    )
    poem = TextAreaField(_("Own text"), description=_("Only when no poem is ordered: it will be read, sung or filmed."))

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.language.choices = [SelectChoice("ru", gettext("Russian")), SelectChoice("en", gettext("English"))]
        self.stages.choices = [SelectChoice(kind.value, str(STAGE_NAMES[kind])) for kind in StageType]
        for name, limit in LIMITS.items():
            rows = {"rows": 5} if name in MULTI_LINE else {}
            self[name].render_kw = {"maxlength": limit, "required": name in REQUIRED, **rows}

    def show_faults(self, faults: Iterable[Fault]) -> None:
        """Put each fault, as a sentence, at its field."""
        for field, code, facts in faults:
            self[field].errors = [*self[field].errors, order_fault(code, facts)]
