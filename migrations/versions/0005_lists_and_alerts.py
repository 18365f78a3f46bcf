"""lists of models, previous settings, alerts

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("provider_configs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("found_by", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("key_version", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("models_reason", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("models_detail", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("models_tried_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("models_doubted", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("models_doubted_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("models_added", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("models_retiring", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("model_missing_since", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("model_gone_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("previous_provider_kind", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("previous_api_key_encrypted", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("previous_api_key_last4", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("previous_model", sa.Text(), nullable=True))
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trouble", sa.String(length=32), nullable=False),
        sa.Column("stage_type", sa.String(length=32), nullable=True),
        sa.Column("over", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(op.f("ix_alerts_next_try_at"), "alerts", ["next_try_at"])


def downgrade() -> None:
    op.drop_table("alerts")
    with op.batch_alter_table("provider_configs", schema=None) as batch_op:
        batch_op.drop_column("previous_model")
        batch_op.drop_column("previous_api_key_last4")
        batch_op.drop_column("previous_api_key_encrypted")
        batch_op.drop_column("previous_provider_kind")
        batch_op.drop_column("model_gone_at")
        batch_op.drop_column("model_missing_since")
        batch_op.drop_column("models_retiring")
        batch_op.drop_column("models_added")
        batch_op.drop_column("models_doubted_since")
        batch_op.drop_column("models_doubted")
        batch_op.drop_column("models_tried_at")
        batch_op.drop_column("models_detail")
        batch_op.drop_column("models_reason")
        batch_op.drop_column("key_version")
        batch_op.drop_column("found_by")
