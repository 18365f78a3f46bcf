"""quotas

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quotas",
        sa.Column("provider_kind", sa.String(length=32), nullable=False),
        sa.Column("calls", sa.JSON(), nullable=False),
        sa.Column("looks", sa.JSON(), nullable=False),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("provider_kind", name=op.f("pk_quotas")),
    )
    held = sa.text("reason = 'provider_pace'")
    with op.batch_alter_table("stages", schema=None) as batch_op:
        batch_op.create_index("ix_stages_held", ["stage_type", "id"], sqlite_where=held, postgresql_where=held)


def downgrade() -> None:
    with op.batch_alter_table("stages", schema=None) as batch_op:
        batch_op.drop_index("ix_stages_held")
    op.drop_table("quotas")
