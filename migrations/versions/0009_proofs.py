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


def downgrade() -> None:
    with op.batch_alter_table("provider_configs", schema=None) as batch_op:
        batch_op.drop_column("probe_stage_id")
        batch_op.drop_column("proof_requested")
        batch_op.drop_column("refused_balance")
        batch_op.drop_column("balance")
