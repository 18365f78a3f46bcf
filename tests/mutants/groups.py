"""The modules of the domain by what they are for; a module that is named nowhere is one of the rest."""

REST = "the rest"
#: Whoever moves a module changes this, and nothing else here.
GROUPS = {
    "secrets": (
        "vault sealing_keys vault_salt rotation sealed_keys redaction api_keys context own_words",
        "passwords guessable_passwords account_rules accounts api_tokens ended_sessions open_sessions",
    ),
    "reliability": (
        "leases stages recovery outcomes second_tries retrying lost_submits submissions polling fetching waiting",
        "letting_go held_stages persistence calls generation placing quotas works callbacks checks verdicts probes erasure",
    ),
}  # fmt: skip


def group_of(module: str) -> str:
    """The group of ``domain.vault``."""
    name = module.removeprefix("domain.")
    return next((group for group, lines in GROUPS.items() if name in " ".join(lines).split()), REST)
