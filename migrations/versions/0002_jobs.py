"""jobs

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("config_version", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("api_key_encrypted", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("job_id", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("hinted_job_id", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("looks", sa.Integer(), nullable=False, server_default="0"))
        batch_op.create_unique_constraint(batch_op.f("uq_attempts_provider_kind_job_id"), ["provider_kind", "job_id"])
        batch_op.create_index(
            "uq_attempts_unended",
            ["stage_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('open', 'accepted', 'uncertain')"),
            postgresql_where=sa.text("state IN ('open', 'accepted', 'uncertain')"),
        )


def downgrade() -> None:
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_attempts_unended",
            sqlite_where=sa.text("state IN ('open', 'accepted', 'uncertain')"),
            postgresql_where=sa.text("state IN ('open', 'accepted', 'uncertain')"),
        )
        batch_op.drop_constraint(batch_op.f("uq_attempts_provider_kind_job_id"), type_="unique")
        batch_op.drop_column("looks")
        batch_op.drop_column("deadline_at")
        batch_op.drop_column("submitted_at")
        batch_op.drop_column("hinted_job_id")
        batch_op.drop_column("job_id")
        batch_op.drop_column("api_key_encrypted")
        batch_op.drop_column("config_version")
