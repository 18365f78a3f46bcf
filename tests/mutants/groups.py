"""The packages and modules of the domain by what they are for; what is named nowhere is one of the rest."""

REST = "the rest"
#: Whoever moves a module changes this, and nothing else here. A package stands for all that is in it.
GROUPS = {
    "secrets": (
        "secrets",
        "maintenance.key_rotation maintenance.encrypted_columns generation.own_words",
    ),
    "access": ("accounts",),
    "reliability": (
        "generation maintenance quotas storage_retry",
        "orders.stages orders.throttled_stages orders.leases orders.placing orders.works orders.erasure",
        "provider_configs.checks provider_configs.check_results provider_configs.probes",
        "provider_configs.release provider_configs.throttle_release",
    ),
}  # fmt: skip


def group_of(module: str) -> str:
    """The group of ``domain.secrets.vault``."""
    name = module.removeprefix("domain.")
    named = {each: group for group, lines in GROUPS.items() for each in " ".join(lines).split()}
    return named.get(name) or named.get(name.partition(".")[0], REST)
