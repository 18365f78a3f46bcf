"""proofs, probes and balances

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("provider_configs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("balance", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("refused_balance", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("proof_requested", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("probe_stage_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("candidate_next_check_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_provider_configs_candidate_next_check_at"), ["candidate_next_check_at"], unique=False
        )


def downgrade() -> None:
    # The release before knows none of these words, and could not read a row that has one.
    names = ("found_by", "reason", "candidate_reason", "models_reason")
    sections = sa.table("provider_configs", *(sa.column(name) for name in names))
    op.execute(sections.update().where(sections.c.found_by == "proof").values(found_by="generation"))
    for name in names[1:]:
        is_new = sections.c[name].in_(("model_not_chosen", "model_unfit", "no_list"))
        op.execute(sections.update().where(is_new).values({name: "unavailable"}))
    with op.batch_alter_table("provider_configs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_provider_configs_candidate_next_check_at"))
        batch_op.drop_column("candidate_next_check_at")
        batch_op.drop_column("probe_stage_id")
        batch_op.drop_column("proof_requested")
        batch_op.drop_column("refused_balance")
        batch_op.drop_column("balance")
