"""works in trouble, and alerts on their way

Revision ID: 0011
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0008"
branch_labels = None
depends_on = None

_IN_TROUBLE = sa.text("state IN ('attention', 'failed')")


def upgrade() -> None:
    op.create_index(
        "ix_stages_in_trouble",
        "stages",
        ["state", "stage_type", "finished_at"],
        sqlite_where=_IN_TROUBLE,
        postgresql_where=_IN_TROUBLE,
    )


def downgrade() -> None:
    op.drop_index("ix_stages_in_trouble", table_name="stages")
