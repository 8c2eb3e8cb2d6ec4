"""The whole schema."""

import sqlalchemy as sa
from alembic import op

revision = "0200"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('api_key',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('hash', sa.String(), nullable=False),
        sa.Column('role', sa.String(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('revoked_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('hash')
    )
    op.create_table('area',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('parent_id', sa.String(), nullable=True),
        sa.ForeignKeyConstraint(['parent_id'], ['area.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_area_parent_id'), 'area', ['parent_id'], unique=False)
    op.create_table('audit',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('actor', sa.String(), nullable=False),
        sa.Column('account', sa.String(), nullable=False),
        sa.Column('role', sa.String(), nullable=True),
        sa.Column('address', sa.String(), nullable=False),
        sa.Column('action', sa.String(), nullable=False),
        sa.Column('outcome', sa.String(), nullable=False),
        sa.Column('object_kind', sa.String(), nullable=False),
        sa.Column('object_id', sa.String(), nullable=False),
        sa.Column('before', sa.JSON(), nullable=False),
        sa.Column('after', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('audit_action', 'audit', ['action', 'at', 'id'], unique=False)
    op.create_index('audit_at', 'audit', ['at', 'id'], unique=False)
    op.create_index('audit_by', 'audit', ['account', 'at', 'id'], unique=False)
    op.create_index('audit_object', 'audit', ['object_id', 'at', 'id'], unique=False)
    op.create_index('audit_outcome', 'audit', ['outcome', 'at', 'id'], unique=False)
    op.create_table('changed_row',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('transaction', sa.BigInteger(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('row_id', sa.String(), nullable=False),
        sa.Column('subject_id', sa.String(), nullable=True),
        sa.Column('site_id', sa.String(), nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_table('channel_use',
        sa.Column('channel', sa.String(), nullable=False),
        sa.Column('spent_until', sa.BigInteger(), nullable=False),
        sa.Column('queue_until', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('channel')
    )
    op.create_table('command',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('topic', sa.String(), nullable=False),
        sa.Column('payload', sa.Text(), nullable=False),
        sa.Column('press_id', sa.String(), nullable=True),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('expires_at', sa.BigInteger(), nullable=False),
        sa.Column('sent_at', sa.BigInteger(), nullable=True),
        sa.Column('acknowledged_at', sa.BigInteger(), nullable=True),
        sa.Column('reason', sa.String(), nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('command_of', 'command', ['device_id', 'created_at'], unique=False)
    op.create_index('command_queued', 'command', ['state', 'created_at'], unique=False)
    op.create_table('contact',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('owner_kind', sa.String(), nullable=False),
        sa.Column('owner_id', sa.String(), nullable=False),
        sa.Column('channel', sa.String(), nullable=False),
        sa.Column('address', sa.String(), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('stopped_at', sa.BigInteger(), nullable=True),
        sa.Column('stopped_why', sa.String(), nullable=True),
        sa.Column('consent_by', sa.String(), server_default='imported', nullable=False),
        sa.Column('consent_at', sa.BigInteger(), nullable=True),
        sa.Column('consent_who', sa.String(), server_default='', nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('contact_once', 'contact', ['owner_id', 'owner_kind', 'channel', 'address'], unique=True)
    op.create_table('contact_check',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('contact_id', sa.String(), nullable=False),
        sa.Column('owner_kind', sa.String(), nullable=False),
        sa.Column('owner_id', sa.String(), nullable=False),
        sa.Column('address', sa.String(), nullable=False),
        sa.Column('asked_from', sa.String(), nullable=False),
        sa.Column('asked_at', sa.BigInteger(), nullable=False),
        sa.Column('tries', sa.Integer(), nullable=False),
        sa.Column('done_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('contact_check_of', 'contact_check', ['owner_id', 'asked_at'], unique=False)
    op.create_index('contact_check_to', 'contact_check', ['address', 'asked_at'], unique=False)
    op.create_index(op.f('ix_contact_check_asked_from'), 'contact_check', ['asked_from'], unique=False)
    op.create_table('customer',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('locale', sa.String(), nullable=False),
        sa.Column('timezone', sa.String(), nullable=False),
        sa.Column('quiet_from', sa.String(), nullable=True),
        sa.Column('quiet_until', sa.String(), nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('customer_by_name', 'customer', ['name', 'id'], unique=False)
    op.create_table('dead_letter',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('received_at', sa.BigInteger(), nullable=False),
        sa.Column('dialect', sa.String(), nullable=False),
        sa.Column('source', sa.String(), server_default='', nullable=False),
        sa.Column('topic', sa.String(), nullable=False),
        sa.Column('payload', sa.LargeBinary(), nullable=False),
        sa.Column('size', sa.Integer(), nullable=False),
        sa.Column('reason', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('dead_letter_of', 'dead_letter', ['source', 'id'], unique=False)
    op.create_index(op.f('ix_dead_letter_received_at'), 'dead_letter', ['received_at'], unique=False)
    op.create_table('entry',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('subject_kind', sa.String(), nullable=False),
        sa.Column('subject_id', sa.String(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('parameters', sa.JSON(), nullable=False),
        sa.Column('by_kind', sa.String(), nullable=False),
        sa.Column('by_name', sa.String(), nullable=False),
        sa.Column('evidence', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_entry_subject_id'), 'entry', ['subject_id'], unique=False)
    op.create_table('external_id',
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('row_id', sa.String(), nullable=False),
        sa.Column('system', sa.String(), nullable=False),
        sa.Column('value', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('kind', 'row_id', 'system')
    )
    op.create_index('external_id_once', 'external_id', ['kind', 'system', 'value'], unique=True)
    op.create_table('goodwill_case',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('subject_kind', sa.String(), nullable=False),
        sa.Column('shown_as', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('currency', sa.String(), nullable=False),
        sa.Column('cents', sa.BigInteger(), nullable=False),
        sa.Column('homes', sa.Integer(), nullable=False),
        sa.Column('homes_out', sa.Integer(), nullable=False),
        sa.Column('looked_at', sa.BigInteger(), nullable=False),
        sa.Column('waits_since', sa.BigInteger(), nullable=True),
        sa.Column('asked', sa.Integer(), nullable=False),
        sa.Column('next_at', sa.BigInteger(), nullable=True),
        sa.Column('decided_at', sa.BigInteger(), nullable=True),
        sa.Column('decided_by', sa.String(), nullable=False),
        sa.Column('account', sa.String(), nullable=False),
        sa.Column('reason', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('goodwill_case_listed', 'goodwill_case', ['looked_at', 'id'], unique=False)
    op.create_index('goodwill_case_next', 'goodwill_case', ['next_at'], unique=False, sqlite_where=sa.text('next_at IS NOT NULL'), postgresql_where=sa.text('next_at IS NOT NULL'))
    op.create_table('link',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('purpose', sa.String(), nullable=False),
        sa.Column('subject_kind', sa.String(), nullable=False),
        sa.Column('subject_id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('person', sa.String(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('expires_at', sa.BigInteger(), nullable=False),
        sa.Column('revoked_at', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_link_subject_id'), 'link', ['subject_id'], unique=False)
    op.create_table('listener',
        sa.Column('client_id', sa.String(), nullable=False),
        sa.Column('since', sa.BigInteger(), nullable=True),
        sa.Column('beat_at', sa.BigInteger(), nullable=False),
        sa.Column('later', sa.JSON(), nullable=False),
        sa.Column('missing', sa.JSON(), nullable=False),
        sa.Column('problem', sa.String(), nullable=False),
        sa.Column('process', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('client_id')
    )
    op.create_table('note',
        sa.Column('source', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('value', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('source', 'name')
    )
    op.create_table('notification',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('topic', sa.String(), nullable=False),
        sa.Column('subject_kind', sa.String(), nullable=False),
        sa.Column('subject_id', sa.String(), nullable=False),
        sa.Column('occurrence', sa.String(), nullable=False),
        sa.Column('recipient_kind', sa.String(), nullable=False),
        sa.Column('recipient_id', sa.String(), nullable=False),
        sa.Column('critical', sa.Boolean(), nullable=False),
        sa.Column('priority', sa.SmallInteger(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('link_id', sa.String(), nullable=True),
        sa.Column('facts', sa.JSON(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('heard_at', sa.BigInteger(), nullable=True),
        sa.Column('due_at', sa.BigInteger(), nullable=True),
        sa.Column('lease', sa.String(), nullable=True),
        sa.Column('done_at', sa.BigInteger(), nullable=True),
        sa.Column('reason', sa.String(), nullable=True),
        sa.Column('retried_at', sa.BigInteger(), nullable=True),
        sa.Column('open_by', sa.BigInteger(), nullable=True),
        sa.Column('opened_at', sa.BigInteger(), nullable=True),
        sa.Column('list_id', sa.String(), nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_notification_created_at'), 'notification', ['created_at'], unique=False)
    op.create_index('notification_due', 'notification', ['priority', 'due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))
    op.create_index('notification_listed', 'notification', ['list_id'], unique=False, sqlite_where=sa.text('list_id IS NOT NULL'), postgresql_where=sa.text('list_id IS NOT NULL'))
    op.create_index('notification_not_told', 'notification', ['done_at'], unique=False, sqlite_where=sa.text("state IN ('failed', 'unknown')"), postgresql_where=sa.text("state IN ('failed', 'unknown')"))
    op.create_index('notification_once', 'notification', ['subject_id', 'topic', 'occurrence', 'recipient_kind', 'recipient_id'], unique=True)
    op.create_index('notification_open_by', 'notification', ['open_by'], unique=False, sqlite_where=sa.text('open_by IS NOT NULL'), postgresql_where=sa.text('open_by IS NOT NULL'))
    op.create_index('notification_to', 'notification', ['recipient_id', 'subject_id'], unique=False)
    op.create_table('open_page',
        sa.Column('subject_id', sa.String(), nullable=False),
        sa.Column('account', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('typing', sa.Boolean(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('subject_id', 'account')
    )
    op.create_index(op.f('ix_open_page_at'), 'open_page', ['at'], unique=False)
    op.create_table('pin_tries',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('wrong', sa.JSON(), nullable=False),
        sa.Column('locks', sa.Integer(), nullable=False),
        sa.Column('locked_until', sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_table('preference',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('owner_kind', sa.String(), nullable=False),
        sa.Column('owner_id', sa.String(), nullable=False),
        sa.Column('amount', sa.String(), nullable=False),
        sa.Column('muted', sa.JSON(), nullable=False),
        sa.Column('stopped_at', sa.BigInteger(), nullable=True),
        sa.Column('locale', sa.String(), nullable=True),
        sa.Column('own_quiet', sa.Boolean(), nullable=False),
        sa.Column('quiet_from', sa.String(), nullable=True),
        sa.Column('quiet_until', sa.String(), nullable=True),
        sa.Column('timezone', sa.String(), nullable=True),
        sa.Column('digest_at', sa.String(), nullable=False),
        sa.Column('contact_order', sa.JSON(), nullable=False),
        sa.Column('yearly', sa.Boolean(), nullable=False),
        sa.Column('well_at', sa.BigInteger(), nullable=True),
        sa.Column('first_for', sa.JSON(), nullable=False),
        sa.Column('link_number', sa.Integer(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_preference_owner_id'), 'preference', ['owner_id'], unique=False)
    op.create_index('preference_well', 'preference', ['well_at'], unique=False, sqlite_where=sa.text('well_at IS NOT NULL'), postgresql_where=sa.text('well_at IS NOT NULL'))
    op.create_table('press',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('press_id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('received_at', sa.BigInteger(), nullable=False),
        sa.Column('callback_id', sa.String(), nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_press_callback_id'), 'press', ['callback_id'], unique=False)
    op.create_index(op.f('ix_press_device_id'), 'press', ['device_id'], unique=False)
    op.create_table('promise',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('subject_kind', sa.String(), nullable=False),
        sa.Column('subject_id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=True),
        sa.Column('recipient_kind', sa.String(), nullable=False),
        sa.Column('recipient_id', sa.String(), nullable=False),
        sa.Column('provider_id', sa.String(), nullable=True),
        sa.Column('notification_id', sa.String(), nullable=True),
        sa.Column('shown_at', sa.BigInteger(), nullable=True),
        sa.Column('made_at', sa.BigInteger(), nullable=False),
        sa.Column('from_at', sa.BigInteger(), nullable=True),
        sa.Column('due_at', sa.BigInteger(), nullable=False),
        sa.Column('watch_at', sa.BigInteger(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('settled_at', sa.BigInteger(), nullable=True),
        sa.Column('settled_by', sa.String(), nullable=True),
        sa.Column('corrects_id', sa.String(), nullable=True),
        sa.Column('in_shadow', sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_promise_due_at'), 'promise', ['due_at'], unique=False)
    op.create_index(op.f('ix_promise_notification_id'), 'promise', ['notification_id'], unique=False)
    op.create_index(op.f('ix_promise_settled_by'), 'promise', ['settled_by'], unique=False)
    op.create_index(op.f('ix_promise_subject_id'), 'promise', ['subject_id'], unique=False)
    op.create_index('promise_broken', 'promise', ['due_at'], unique=False, sqlite_where=sa.text("state = 'broken'"), postgresql_where=sa.text("state = 'broken'"))
    op.create_index('promise_due', 'promise', ['due_at', 'subject_id'], unique=False, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    op.create_index('promise_open', 'promise', ['subject_id', 'kind', 'recipient_id'], unique=True, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    op.create_index('promise_to', 'promise', ['recipient_id', 'made_at'], unique=False)
    op.create_index('promise_watch', 'promise', ['watch_at'], unique=False, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    op.create_table('provider',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('locale', sa.String(), nullable=False),
        sa.Column('timezone', sa.String(), nullable=False),
        sa.Column('phone', sa.String(), nullable=False),
        sa.Column('skills', sa.JSON(), nullable=False),
        sa.Column('territory', sa.JSON(), nullable=False),
        sa.Column('hours', sa.JSON(), nullable=False),
        sa.Column('days_off', sa.JSON(), server_default='{}', nullable=False),
        sa.Column('quiet_from', sa.String(), nullable=True),
        sa.Column('quiet_until', sa.String(), nullable=True),
        sa.Column('lat', sa.Float(), nullable=True),
        sa.Column('lon', sa.Float(), nullable=True),
        sa.Column('time_off', sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column('capacity', sa.Integer(), nullable=False),
        sa.Column('own_capacity', sa.Integer(), nullable=True),
        sa.Column('invites', sa.Boolean(), nullable=False),
        sa.Column('emergency', sa.Boolean(), nullable=False),
        sa.Column('removed_at', sa.BigInteger(), nullable=True),
        sa.Column('revision', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_provider_revision'), 'provider', ['revision'], unique=False)
    op.create_table('reading',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('seq', sa.BigInteger(), nullable=False),
        sa.Column('received_at', sa.BigInteger(), nullable=False),
        sa.Column('signals', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('reading_once', 'reading', ['device_id', 'at', 'seq'], unique=True)
    op.create_table('route',
        sa.Column('source', sa.String(), nullable=False),
        sa.Column('topic', sa.String(), nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('spec', sa.Text(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('source', 'topic')
    )
    op.create_index(op.f('ix_route_changed_at'), 'route', ['changed_at'], unique=False)
    op.create_table('saved_answer',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('subject_kind', sa.String(), nullable=False),
        sa.Column('subject_id', sa.String(), nullable=False),
        sa.Column('words', sa.JSON(), nullable=False),
        sa.Column('for_page', sa.Boolean(), nullable=False),
        sa.Column('saved_by', sa.String(), nullable=False),
        sa.Column('account', sa.String(), nullable=False),
        sa.Column('saved_at', sa.BigInteger(), nullable=False),
        sa.Column('withdrawn_at', sa.BigInteger(), nullable=True),
        sa.Column('withdrawn_by', sa.String(), nullable=True),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_saved_answer_subject_id'), 'saved_answer', ['subject_id'], unique=False)
    op.create_table('search_term',
        sa.Column('field', sa.String(), nullable=False),
        sa.Column('term', sa.String().with_variant(sa.String(collation='C'), 'postgresql'), nullable=False),
        sa.Column('entry_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint('field', 'term', 'entry_id'),
    sqlite_with_rowid=False
    )
    op.create_index('search_term_of', 'search_term', ['entry_id', 'term'], unique=False)
    op.create_table('sent_act',
        sa.Column('link_id', sa.String(), nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('body', sa.String(), nullable=False),
        sa.Column('status', sa.Integer(), nullable=False),
        sa.Column('reply', sa.String(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('link_id', 'key')
    )
    op.create_index(op.f('ix_sent_act_at'), 'sent_act', ['at'], unique=False)
    op.create_table('sent_form',
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('account', sa.String(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('key')
    )
    op.create_index(op.f('ix_sent_form_at'), 'sent_form', ['at'], unique=False)
    op.create_table('sent_test',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('account', sa.String(), nullable=False),
        sa.Column('to_hash', sa.String(), nullable=False),
        sa.Column('asked', sa.String(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.Column('outcome', sa.String(), nullable=False),
        sa.Column('why', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_sent_test_account'), 'sent_test', ['account'], unique=False)
    op.create_index(op.f('ix_sent_test_at'), 'sent_test', ['at'], unique=False)
    op.create_index(op.f('ix_sent_test_to_hash'), 'sent_test', ['to_hash'], unique=False)
    op.create_table('sign_in_flow',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('browser', sa.String(), nullable=False),
        sa.Column('nonce', sa.String(), nullable=False),
        sa.Column('verifier', sa.String(), nullable=False),
        sa.Column('ends_at', sa.BigInteger(), nullable=False),
        sa.Column('next', sa.String(), nullable=False),
        sa.Column('kept', sa.String(), nullable=False),
        sa.Column('session_id', sa.String(), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_sign_in_flow_ends_at'), 'sign_in_flow', ['ends_at'], unique=False)
    op.create_table('sla_policy_version',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('content', sa.JSON(), nullable=False),
        sa.Column('first_loaded_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_table('unclaimed',
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('topic', sa.String(), nullable=False),
        sa.Column('first_seen_at', sa.BigInteger(), nullable=False),
        sa.Column('last_seen_at', sa.BigInteger(), nullable=False),
        sa.Column('messages', sa.Integer(), nullable=False),
        sa.Column('name', sa.String(), server_default='', nullable=False),
        sa.Column('model', sa.String(), server_default='', nullable=False),
        sa.Column('via', sa.String(), nullable=True),
        sa.PrimaryKeyConstraint('key')
    )
    op.create_table('account',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('email', sa.String(), nullable=False),
        sa.Column('role', sa.String(), nullable=False),
        sa.Column('provider_id', sa.String(), nullable=True),
        sa.Column('password', sa.String(), nullable=True),
        sa.Column('code_secret', sa.String(), nullable=True),
        sa.Column('code_step', sa.BigInteger(), nullable=False),
        sa.Column('wrong', sa.Integer(), nullable=False),
        sa.Column('blocked_until', sa.BigInteger(), nullable=True),
        sa.Column('issuer', sa.String(), nullable=True),
        sa.Column('outside_id', sa.String(), nullable=True),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('disabled_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['provider_id'], ['provider.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('account_email', 'account', ['email'], unique=True)
    op.create_index('account_outside', 'account', ['issuer', 'outside_id'], unique=True, sqlite_where=sa.text('issuer IS NOT NULL'), postgresql_where=sa.text('issuer IS NOT NULL'))
    op.create_table('attempt',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('notification_id', sa.String(), nullable=False),
        sa.Column('contact_id', sa.String(), nullable=False),
        sa.Column('channel', sa.String(), nullable=False),
        sa.Column('bundle_id', sa.String(), nullable=True),
        sa.Column('started_at', sa.BigInteger(), nullable=False),
        sa.Column('finished_at', sa.BigInteger(), nullable=True),
        sa.Column('delivered_at', sa.BigInteger(), nullable=True),
        sa.Column('outcome', sa.String(), nullable=False),
        sa.Column('why', sa.String(), nullable=True),
        sa.Column('kind', sa.String(), nullable=True),
        sa.Column('ref', sa.String(), nullable=True),
        sa.Column('said', sa.Text(), server_default='', nullable=False),
        sa.Column('wording', sa.String(), server_default='', nullable=False),
        sa.ForeignKeyConstraint(['notification_id'], ['notification.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('attempt_newest', 'attempt', ['channel', 'started_at'], unique=False)
    op.create_index('attempt_together', 'attempt', ['bundle_id'], unique=False, sqlite_where=sa.text('bundle_id IS NOT NULL'), postgresql_where=sa.text('bundle_id IS NOT NULL'))
    op.create_index(op.f('ix_attempt_notification_id'), 'attempt', ['notification_id'], unique=False)
    op.create_table('maintenance_window',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('area_id', sa.String(), nullable=False),
        sa.Column('from_at', sa.BigInteger(), nullable=False),
        sa.Column('until_at', sa.BigInteger(), nullable=False),
        sa.Column('words', sa.JSON(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('created_by', sa.String(), nullable=False),
        sa.Column('announced_at', sa.BigInteger(), nullable=True),
        sa.Column('next_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['area_id'], ['area.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_maintenance_window_area_id'), 'maintenance_window', ['area_id'], unique=False)
    op.create_index('maintenance_next', 'maintenance_window', ['next_at'], unique=False, sqlite_where=sa.text('next_at IS NOT NULL'), postgresql_where=sa.text('next_at IS NOT NULL'))
    op.create_table('outage',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('area_id', sa.String(), nullable=True),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('round', sa.Integer(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=True),
        sa.Column('ticket_id', sa.String(), nullable=True),
        sa.Column('homes', sa.Integer(), nullable=False),
        sa.Column('dark', sa.Integer(), nullable=False),
        sa.Column('size', sa.Integer(), nullable=False),
        sa.Column('began_at', sa.BigInteger(), nullable=False),
        sa.Column('last_at', sa.BigInteger(), nullable=False),
        sa.Column('suspected_at', sa.BigInteger(), nullable=False),
        sa.Column('confirmed_at', sa.BigInteger(), nullable=True),
        sa.Column('restoring_at', sa.BigInteger(), nullable=True),
        sa.Column('restored_at', sa.BigInteger(), nullable=True),
        sa.Column('closed_at', sa.BigInteger(), nullable=True),
        sa.Column('etr_at', sa.BigInteger(), nullable=True),
        sa.Column('next_at', sa.BigInteger(), nullable=True),
        sa.Column('untold', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('evidence', sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(['area_id'], ['area.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_outage_area_id'), 'outage', ['area_id'], unique=False)
    op.create_index(op.f('ix_outage_began_at'), 'outage', ['began_at'], unique=False)
    op.create_index(op.f('ix_outage_ticket_id'), 'outage', ['ticket_id'], unique=False)
    op.create_index('outage_next', 'outage', ['next_at'], unique=False, sqlite_where=sa.text('next_at IS NOT NULL'), postgresql_where=sa.text('next_at IS NOT NULL'))
    op.create_index('outage_open', 'outage', ['key'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index('outage_untold', 'outage', ['id'], unique=False, sqlite_where=sa.text('untold'), postgresql_where=sa.text('untold'))
    op.create_table('person',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('customer_id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('role', sa.String(), nullable=False),
        sa.Column('locale', sa.String(), nullable=True),
        sa.Column('needs', sa.JSON(), nullable=False),
        sa.Column('needs_consent_on', sa.String(), nullable=True),
        sa.Column('needs_review_on', sa.String(), nullable=True),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('listed', sa.Boolean(), nullable=False),
        sa.Column('left_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['customer_id'], ['customer.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_person_customer_id'), 'person', ['customer_id'], unique=False)
    op.create_table('site',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('customer_id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('street', sa.String(), nullable=False),
        sa.Column('postcode', sa.String(), nullable=False),
        sa.Column('town', sa.String(), nullable=False),
        sa.Column('country', sa.String(), server_default='', nullable=False),
        sa.Column('lat', sa.Float(), nullable=True),
        sa.Column('lon', sa.Float(), nullable=True),
        sa.Column('timezone', sa.String(), nullable=False),
        sa.Column('access', sa.String(), nullable=False),
        sa.Column('household_since', sa.BigInteger(), nullable=True),
        sa.Column('household_left_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['customer_id'], ['customer.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_site_customer_id'), 'site', ['customer_id'], unique=False)
    op.create_table('technician',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('provider_id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('skills', sa.JSON(), nullable=False),
        sa.Column('hours', sa.JSON(none_as_null=True), nullable=True),
        sa.Column('days_off', sa.JSON(), server_default='{}', nullable=False),
        sa.Column('time_off', sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column('renamed', sa.Boolean(), nullable=False),
        sa.Column('ended_at', sa.BigInteger(), nullable=True),
        sa.Column('revision', sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(['provider_id'], ['provider.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_technician_provider_id'), 'technician', ['provider_id'], unique=False)
    op.create_index(op.f('ix_technician_revision'), 'technician', ['revision'], unique=False)
    op.create_table('bulk_result',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('user_id', sa.String(), nullable=False),
        sa.Column('act', sa.String(), nullable=False),
        sa.Column('back', sa.String(), nullable=False),
        sa.Column('lines', sa.JSON(), nullable=False),
        sa.Column('rest', sa.JSON(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['account.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_bulk_result_at'), 'bulk_result', ['at'], unique=False)
    op.create_index(op.f('ix_bulk_result_user_id'), 'bulk_result', ['user_id'], unique=False)
    op.create_table('device',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('profile', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('via', sa.String(), nullable=True),
        sa.Column('cover', sa.String(), nullable=False),
        sa.Column('covered_until', sa.String(), nullable=True),
        sa.Column('call_out_price', sa.String(), nullable=True),
        sa.Column('retired_at', sa.BigInteger(), nullable=True),
        sa.Column('retired_key', sa.String(), nullable=True),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('key')
    )
    op.create_index('device_key_begins', 'device', ['key'], unique=False, postgresql_ops={'key': 'text_pattern_ops'})
    op.create_index(op.f('ix_device_retired_key'), 'device', ['retired_key'], unique=False)
    op.create_index(op.f('ix_device_site_id'), 'device', ['site_id'], unique=False)
    op.create_index(op.f('ix_device_via'), 'device', ['via'], unique=False)
    op.create_table('due',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('subject_kind', sa.String(), nullable=False),
        sa.Column('subject_id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('responsible', sa.String(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('due_at', 'due', ['at'], unique=False, sqlite_where=sa.text('at IS NOT NULL'), postgresql_where=sa.text('at IS NOT NULL'))
    op.create_index('due_once', 'due', ['subject_id', 'kind'], unique=True)
    op.create_index(op.f('ix_due_site_id'), 'due', ['site_id'], unique=False)
    op.create_table('form_draft',
        sa.Column('user_id', sa.String(), nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('fields', sa.JSON(), nullable=False),
        sa.Column('at', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['account.id']),
        sa.PrimaryKeyConstraint('user_id', 'key')
    )
    op.create_index(op.f('ix_form_draft_at'), 'form_draft', ['at'], unique=False)
    op.create_table('goodwill_credit',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('case_id', sa.String(), nullable=False),
        sa.Column('subject_kind', sa.String(), nullable=False),
        sa.Column('shown_as', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('customer_id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('rule', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('cents', sa.BigInteger(), nullable=False),
        sa.Column('currency', sa.String(), nullable=False),
        sa.Column('dark_ms', sa.BigInteger(), nullable=True),
        sa.Column('promise', sa.String(), nullable=True),
        sa.Column('reason', sa.String(), nullable=False),
        sa.Column('given_by', sa.String(), nullable=False),
        sa.Column('account', sa.String(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('given_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['customer_id'], ['customer.id']),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('goodwill_listed', 'goodwill_credit', ['created_at', 'id'], unique=False)
    op.create_index('goodwill_of_agent', 'goodwill_credit', ['account', 'created_at'], unique=False)
    op.create_index('goodwill_once', 'goodwill_credit', ['case_id', 'site_id', 'rule'], unique=True)
    op.create_index(op.f('ix_goodwill_credit_customer_id'), 'goodwill_credit', ['customer_id'], unique=False)
    op.create_index(op.f('ix_goodwill_credit_site_id'), 'goodwill_credit', ['site_id'], unique=False)
    op.create_table('job',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('skills', sa.JSON(), nullable=False),
        sa.Column('round', sa.Integer(), nullable=False),
        sa.Column('wave', sa.Integer(), nullable=False),
        sa.Column('first_asked', sa.String(), nullable=True),
        sa.Column('provider_id', sa.String(), nullable=True),
        sa.Column('visit_id', sa.String(), nullable=True),
        sa.Column('hold_reason', sa.String(), nullable=True),
        sa.Column('hold_until', sa.BigInteger(), nullable=True),
        sa.Column('held_by', sa.String(), nullable=True),
        sa.Column('opened_at', sa.BigInteger(), nullable=False),
        sa.Column('closed_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_job_provider_id'), 'job', ['provider_id'], unique=False)
    op.create_index('job_site_open', 'job', ['site_id'], unique=False, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_table('on_call_page',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('subject_kind', sa.String(), nullable=False),
        sa.Column('subject_id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('role', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('reasons', sa.JSON(), nullable=False),
        sa.Column('urgent', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('turn', sa.Integer(), nullable=False),
        sa.Column('paged', sa.String(), nullable=True),
        sa.Column('repeats', sa.Integer(), server_default=sa.text('0'), nullable=False),
        sa.Column('facts', sa.JSON(), nullable=False),
        sa.Column('opened_at', sa.BigInteger(), nullable=False),
        sa.Column('told_at', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
        sa.Column('next_at', sa.BigInteger(), nullable=True),
        sa.Column('acknowledged_by', sa.String(), nullable=True),
        sa.Column('acknowledged_at', sa.BigInteger(), nullable=True),
        sa.Column('closed_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('on_call_page_next', 'on_call_page', ['next_at'], unique=False, sqlite_where=sa.text('next_at IS NOT NULL'), postgresql_where=sa.text('next_at IS NOT NULL'))
    op.create_index('on_call_page_open', 'on_call_page', ['subject_id', 'role'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index('on_call_page_site_open', 'on_call_page', ['site_id'], unique=False, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_table('outage_member',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('outage_id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('customer_id', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('round', sa.Integer(), nullable=False),
        sa.Column('died_at', sa.BigInteger(), nullable=False),
        sa.Column('joined_at', sa.BigInteger(), nullable=False),
        sa.Column('back_at', sa.BigInteger(), nullable=True),
        sa.Column('reported_at', sa.BigInteger(), nullable=True),
        sa.Column('told', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('dark_before_ms', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
        sa.ForeignKeyConstraint(['outage_id'], ['outage.id']),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('outage_member_dark', 'outage_member', ['site_id'], unique=False, sqlite_where=sa.text('back_at IS NULL'), postgresql_where=sa.text('back_at IS NULL'))
    op.create_index('outage_member_of', 'outage_member', ['outage_id', 'customer_id'], unique=False)
    op.create_index('outage_member_untold', 'outage_member', ['outage_id'], unique=False, sqlite_where=sa.text('NOT told AND back_at IS NULL'), postgresql_where=sa.text('NOT told AND back_at IS NULL'))
    op.create_table('person_site',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('person_id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('left_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['person_id'], ['person.id']),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_person_site_person_id'), 'person_site', ['person_id'], unique=False)
    op.create_index(op.f('ix_person_site_site_id'), 'person_site', ['site_id'], unique=False)
    op.create_table('portrait',
        sa.Column('technician_id', sa.String(), nullable=False),
        sa.Column('width', sa.Integer(), nullable=False),
        sa.Column('height', sa.Integer(), nullable=False),
        sa.Column('digest', sa.String(), nullable=False),
        sa.Column('content', sa.LargeBinary(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['technician_id'], ['technician.id']),
        sa.PrimaryKeyConstraint('technician_id')
    )
    op.create_table('recovery_code',
        sa.Column('hash', sa.String(), nullable=False),
        sa.Column('user_id', sa.String(), nullable=False),
        sa.Column('used_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['user_id'], ['account.id']),
        sa.PrimaryKeyConstraint('hash')
    )
    op.create_index(op.f('ix_recovery_code_user_id'), 'recovery_code', ['user_id'], unique=False)
    op.create_table('saved_view',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('user_id', sa.String(), nullable=True),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('filter', sa.String(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['account.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_saved_view_user_id'), 'saved_view', ['user_id'], unique=False)
    op.create_table('search_entry',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
        sa.Column('customer_id', sa.String(), nullable=True),
        sa.Column('site_id', sa.String(), nullable=True),
        sa.ForeignKeyConstraint(['customer_id'], ['customer.id']),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('customer_id'),
        sa.UniqueConstraint('site_id')
    )
    op.create_table('site_area',
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('area_id', sa.String(), nullable=False),
        sa.ForeignKeyConstraint(['area_id'], ['area.id']),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('site_id', 'area_id')
    )
    op.create_index(op.f('ix_site_area_area_id'), 'site_area', ['area_id'], unique=False)
    op.create_table('web_session',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('user_id', sa.String(), nullable=False),
        sa.Column('role', sa.String(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('seen_at', sa.BigInteger(), nullable=False),
        sa.Column('proved_at', sa.BigInteger(), nullable=False),
        sa.Column('ends_at', sa.BigInteger(), nullable=False),
        sa.Column('revoked_at', sa.BigInteger(), nullable=True),
        sa.Column('waits_for_code', sa.Boolean(), nullable=False),
        sa.Column('address', sa.String(), nullable=False),
        sa.Column('browser', sa.String(), nullable=False),
        sa.ForeignKeyConstraint(['user_id'], ['account.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_web_session_ends_at'), 'web_session', ['ends_at'], unique=False)
    op.create_index(op.f('ix_web_session_user_id'), 'web_session', ['user_id'], unique=False)
    op.create_table('alarm',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('rule', sa.String(), nullable=False),
        sa.Column('severity', sa.String(), nullable=False),
        sa.Column('cause', sa.String(), nullable=False),
        sa.Column('skill', sa.String(), nullable=False),
        sa.Column('evidence', sa.JSON(), nullable=False),
        sa.Column('ticket_id', sa.String(), nullable=True),
        sa.Column('opened_at', sa.BigInteger(), nullable=False),
        sa.Column('known_at', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
        sa.Column('cleared_at', sa.BigInteger(), nullable=True),
        sa.Column('closed_at', sa.BigInteger(), nullable=True),
        sa.Column('acknowledged_at', sa.BigInteger(), nullable=True),
        sa.Column('acknowledged_by', sa.String(), nullable=True),
        sa.Column('command_id', sa.String(), nullable=True),
        sa.Column('try_until', sa.BigInteger(), nullable=True),
        sa.Column('fixed_by', sa.String(), nullable=True),
        sa.Column('suppressed_by_kind', sa.String(), nullable=True),
        sa.Column('suppressed_by_id', sa.String(), nullable=True),
        sa.Column('suppressed_until', sa.BigInteger(), nullable=True),
        sa.Column('latch', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('flapping', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('dry_run', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('danger', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('declined_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['device_id'], ['device.id']),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('alarm_open', 'alarm', ['device_id', 'rule'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index('alarm_suppressed', 'alarm', ['suppressed_until'], unique=False, sqlite_where=sa.text('suppressed_until IS NOT NULL'), postgresql_where=sa.text('suppressed_until IS NOT NULL'))
    op.create_index('alarm_tried', 'alarm', ['device_id', 'opened_at'], unique=False, sqlite_where=sa.text('command_id IS NOT NULL'), postgresql_where=sa.text('command_id IS NOT NULL'))
    op.create_index('alarm_trying', 'alarm', ['try_until'], unique=False, sqlite_where=sa.text('try_until IS NOT NULL'), postgresql_where=sa.text('try_until IS NOT NULL'))
    op.create_index(op.f('ix_alarm_device_id'), 'alarm', ['device_id'], unique=False)
    op.create_index(op.f('ix_alarm_opened_at'), 'alarm', ['opened_at'], unique=False)
    op.create_index(op.f('ix_alarm_suppressed_by_id'), 'alarm', ['suppressed_by_id'], unique=False)
    op.create_index(op.f('ix_alarm_ticket_id'), 'alarm', ['ticket_id'], unique=False)
    op.create_table('button_test',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('planned_for', sa.BigInteger(), nullable=False),
        sa.Column('asked_at', sa.BigInteger(), nullable=True),
        sa.Column('answer_by', sa.BigInteger(), nullable=True),
        sa.Column('reminded_at', sa.BigInteger(), nullable=True),
        sa.Column('press_id', sa.String(), nullable=True),
        sa.Column('battery', sa.Integer(), nullable=True),
        sa.Column('callback_id', sa.String(), nullable=True),
        sa.Column('passed_before', sa.BigInteger(), nullable=True),
        sa.Column('closed_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['device_id'], ['device.id']),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('button_test_at', 'button_test', ['site_id'], unique=False, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index('button_test_open', 'button_test', ['device_id'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index(op.f('ix_button_test_device_id'), 'button_test', ['device_id'], unique=False)
    op.create_table('callback',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('customer_id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('origin', sa.String(), nullable=False),
        sa.Column('device_id', sa.String(), nullable=True),
        sa.Column('wish', sa.String(), server_default='', nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('urgent', sa.Boolean(), nullable=False),
        sa.Column('presses', sa.Integer(), nullable=False),
        sa.Column('requested_at', sa.BigInteger(), nullable=False),
        sa.Column('ring_from', sa.BigInteger(), nullable=True),
        sa.Column('promised_by', sa.BigInteger(), nullable=False),
        sa.Column('overdue_told_at', sa.BigInteger(), nullable=True),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('tries', sa.Integer(), server_default=sa.text('0'), nullable=False),
        sa.Column('agent', sa.String(), nullable=True),
        sa.Column('claimed_until', sa.BigInteger(), nullable=True),
        sa.Column('outcome', sa.String(), nullable=True),
        sa.Column('note', sa.String(), nullable=True),
        sa.Column('ticket_id', sa.String(), nullable=True),
        sa.Column('outage_id', sa.String(), nullable=True),
        sa.Column('closed_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['customer_id'], ['customer.id']),
        sa.ForeignKeyConstraint(['device_id'], ['device.id']),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('callback_check', 'callback', ['site_id'], unique=False, sqlite_where=sa.text("kind = 'check' AND origin = 'outage'"), postgresql_where=sa.text("kind = 'check' AND origin = 'outage'"))
    op.create_index('callback_help', 'callback', ['requested_at'], unique=False, sqlite_where=sa.text("closed_at IS NULL AND kind = 'emergency'"), postgresql_where=sa.text("closed_at IS NULL AND kind = 'emergency'"))
    op.create_index('callback_open', 'callback', ['site_id', 'kind'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index('callback_outage', 'callback', ['outage_id'], unique=False, sqlite_where=sa.text('outage_id IS NOT NULL'), postgresql_where=sa.text('outage_id IS NOT NULL'))
    op.create_index('callback_promised', 'callback', ['promised_by'], unique=False, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index(op.f('ix_callback_customer_id'), 'callback', ['customer_id'], unique=False)
    op.create_index(op.f('ix_callback_requested_at'), 'callback', ['requested_at'], unique=False)
    op.create_table('credential',
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('hash', sa.String(), nullable=False),
        sa.Column('made_at', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['device_id'], ['device.id']),
        sa.PrimaryKeyConstraint('device_id')
    )
    op.create_table('device_state',
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('link', sa.String(), nullable=False),
        sa.Column('link_at', sa.BigInteger(), nullable=True),
        sa.Column('seen_at', sa.BigInteger(), nullable=True),
        sa.Column('data_at', sa.BigInteger(), nullable=True),
        sa.Column('due_at', sa.BigInteger(), nullable=True),
        sa.Column('signals', sa.Text(), nullable=False),
        sa.Column('memory', sa.Text(), nullable=False),
        sa.Column('version', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['device_id'], ['device.id']),
        sa.PrimaryKeyConstraint('device_id')
    )
    op.create_index('device_state_due', 'device_state', ['due_at'], unique=False, sqlite_where=sa.text('due_at IS NOT NULL'), postgresql_where=sa.text('due_at IS NOT NULL'))
    op.create_table('loss',
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('died_at', sa.BigInteger(), nullable=False),
        sa.Column('uncertainty_ms', sa.BigInteger(), nullable=False),
        sa.Column('silent', sa.Boolean(), nullable=False),
        sa.Column('ended_at', sa.BigInteger(), nullable=True),
        sa.Column('link', sa.String(), nullable=False),
        sa.Column('loss_count', sa.Float(), nullable=False),
        sa.Column('loss_count_at', sa.BigInteger(), nullable=False),
        sa.Column('unprocessed', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(['device_id'], ['device.id']),
        sa.PrimaryKeyConstraint('device_id')
    )
    op.create_index(op.f('ix_loss_site_id'), 'loss', ['site_id'], unique=False)
    op.create_index('loss_open', 'loss', ['died_at'], unique=False, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
    op.create_index('loss_unprocessed', 'loss', ['device_id'], unique=False, sqlite_where=sa.text('unprocessed'), postgresql_where=sa.text('unprocessed'))
    op.create_table('ticket',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('customer_id', sa.String(), nullable=False),
        sa.Column('device_id', sa.String(), nullable=True),
        sa.Column('cause_key', sa.String(), nullable=False),
        sa.Column('cause', sa.String(), nullable=False),
        sa.Column('skill', sa.String(), nullable=False),
        sa.Column('severity', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('round', sa.Integer(), nullable=False),
        sa.Column('provider_id', sa.String(), nullable=True),
        sa.Column('visit_id', sa.String(), nullable=True),
        sa.Column('opened_at', sa.BigInteger(), nullable=False),
        sa.Column('resolved_at', sa.BigInteger(), nullable=True),
        sa.Column('resolved_by', sa.String(), nullable=True),
        sa.Column('resolution', sa.String(), nullable=True),
        sa.Column('unproven', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('closed_at', sa.BigInteger(), nullable=True),
        sa.Column('cover', sa.String(), nullable=False),
        sa.Column('price', sa.String(), nullable=True),
        sa.Column('price_answer', sa.String(), nullable=True),
        sa.Column('price_answered_at', sa.BigInteger(), nullable=True),
        sa.Column('merged_into', sa.String(), nullable=True),
        sa.Column('outage_id', sa.String(), nullable=True),
        sa.Column('subject', sa.String(), nullable=True),
        sa.Column('opened_by', sa.String(), nullable=True),
        sa.Column('reported', sa.JSON(), server_default='[]', nullable=False),
        sa.ForeignKeyConstraint(['customer_id'], ['customer.id']),
        sa.ForeignKeyConstraint(['device_id'], ['device.id']),
        sa.ForeignKeyConstraint(['merged_into'], ['ticket.id']),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_ticket_customer_id'), 'ticket', ['customer_id'], unique=False)
    op.create_index(op.f('ix_ticket_device_id'), 'ticket', ['device_id'], unique=False)
    op.create_index(op.f('ix_ticket_merged_into'), 'ticket', ['merged_into'], unique=False)
    op.create_index(op.f('ix_ticket_opened_at'), 'ticket', ['opened_at'], unique=False)
    op.create_index(op.f('ix_ticket_provider_id'), 'ticket', ['provider_id'], unique=False)
    op.create_index(op.f('ix_ticket_site_id'), 'ticket', ['site_id'], unique=False)
    op.create_index('ticket_open', 'ticket', ['site_id', 'device_id'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index('ticket_open_since', 'ticket', ['opened_at', 'id'], unique=False, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index('ticket_outage_open', 'ticket', ['outage_id'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index('ticket_subject_open', 'ticket', ['site_id', 'subject'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index('ticket_untaken', 'ticket', ['severity', 'opened_at', 'id'], unique=False, sqlite_where=sa.text("closed_at IS NULL AND state IN ('new', 'offered')"), postgresql_where=sa.text("closed_at IS NULL AND state IN ('new', 'offered')"))
    op.create_table('job_ticket',
        sa.Column('job_id', sa.String(), nullable=False),
        sa.Column('ticket_id', sa.String(), nullable=False),
        sa.ForeignKeyConstraint(['job_id'], ['job.id']),
        sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id']),
        sa.PrimaryKeyConstraint('job_id', 'ticket_id')
    )
    op.create_index(op.f('ix_job_ticket_ticket_id'), 'job_ticket', ['ticket_id'], unique=False)
    op.create_table('offer',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('job_id', sa.String(), nullable=False),
        sa.Column('ticket_id', sa.String(), nullable=False),
        sa.Column('provider_id', sa.String(), nullable=False),
        sa.Column('round', sa.Integer(), nullable=False),
        sa.Column('wave', sa.Integer(), nullable=False),
        sa.Column('rank', sa.Integer(), nullable=False),
        sa.Column('adds_to_visit', sa.String(), nullable=True),
        sa.Column('evidence', sa.JSON(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('offered_at', sa.BigInteger(), nullable=False),
        sa.Column('expires_at', sa.BigInteger(), nullable=False),
        sa.Column('closed_at', sa.BigInteger(), nullable=True),
        sa.Column('answer', sa.String(), nullable=True),
        sa.Column('left_out', sa.String(), nullable=True),
        sa.ForeignKeyConstraint(['job_id'], ['job.id']),
        sa.ForeignKeyConstraint(['provider_id'], ['provider.id']),
        sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_offer_job_id'), 'offer', ['job_id'], unique=False)
    op.create_index(op.f('ix_offer_provider_id'), 'offer', ['provider_id'], unique=False)
    op.create_index(op.f('ix_offer_ticket_id'), 'offer', ['ticket_id'], unique=False)
    op.create_index('offer_answered', 'offer', ['closed_at', 'provider_id', 'state', 'left_out'], unique=False, sqlite_where=sa.text('closed_at IS NOT NULL'), postgresql_where=sa.text('closed_at IS NOT NULL'))
    op.create_index('offer_listed', 'offer', ['offered_at', 'id'], unique=False)
    op.create_index('offer_open', 'offer', ['job_id', 'provider_id'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_index('offer_pending', 'offer', ['provider_id', 'expires_at', 'closed_at'], unique=False, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_table('pending_act',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('ticket_id', sa.String(), nullable=False),
        sa.Column('words', sa.String(), nullable=False),
        sa.Column('photos', sa.JSON(), server_default='[]', nullable=False),
        sa.Column('window_from', sa.BigInteger(), nullable=True),
        sa.Column('window_until', sa.BigInteger(), nullable=True),
        sa.Column('version', sa.String(), nullable=False),
        sa.Column('asked_at', sa.BigInteger(), nullable=False),
        sa.Column('due_at', sa.BigInteger(), nullable=False),
        sa.Column('closed_at', sa.BigInteger(), nullable=True),
        sa.Column('outcome', sa.String(), nullable=True),
        sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('pending_act_asked', 'pending_act', ['ticket_id', 'asked_at'], unique=False)
    op.create_index('pending_act_due', 'pending_act', ['due_at'], unique=False, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_table('sla_clock',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('ticket_id', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('policy', sa.String(), nullable=False),
        sa.Column('policy_name', sa.String(), nullable=False),
        sa.Column('target_ms', sa.BigInteger(), nullable=False),
        sa.Column('warn_percent', sa.Integer(), nullable=False),
        sa.Column('used_ms', sa.BigInteger(), nullable=False),
        sa.Column('running_since', sa.BigInteger(), nullable=True),
        sa.Column('due_at', sa.BigInteger(), nullable=True),
        sa.Column('warn_at', sa.BigInteger(), nullable=True),
        sa.Column('warned_at', sa.BigInteger(), nullable=True),
        sa.Column('missed_at', sa.BigInteger(), nullable=True),
        sa.Column('inherited', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('ended_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['policy'], ['sla_policy_version.id']),
        sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('sla_clock_due', 'sla_clock', ['due_at'], unique=False, sqlite_where=sa.text('missed_at IS NULL'), postgresql_where=sa.text('missed_at IS NULL'))
    op.create_index('sla_clock_once', 'sla_clock', ['ticket_id', 'kind'], unique=True)
    op.create_index('sla_clock_open', 'sla_clock', ['policy'], unique=False, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
    op.create_index('sla_clock_warn', 'sla_clock', ['warn_at'], unique=False, sqlite_where=sa.text('warn_at IS NOT NULL'), postgresql_where=sa.text('warn_at IS NOT NULL'))
    op.create_table('survey',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('ticket_id', sa.String(), nullable=False),
        sa.Column('customer_id', sa.String(), nullable=False),
        sa.Column('visit_id', sa.String(), nullable=True),
        sa.Column('proven', sa.Boolean(), nullable=False),
        sa.Column('asked_at', sa.BigInteger(), nullable=False),
        sa.Column('expires_at', sa.BigInteger(), nullable=False),
        sa.Column('answered_at', sa.BigInteger(), nullable=True),
        sa.Column('works', sa.Boolean(), nullable=True),
        sa.Column('ease', sa.String(), nullable=True),
        sa.Column('care', sa.String(), nullable=True),
        sa.Column('words', sa.String(), server_default='', nullable=False),
        sa.ForeignKeyConstraint(['customer_id'], ['customer.id']),
        sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id']),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('ticket_id')
    )
    op.create_index(op.f('ix_survey_customer_id'), 'survey', ['customer_id'], unique=False)
    op.create_index(op.f('ix_survey_visit_id'), 'survey', ['visit_id'], unique=False)
    op.create_index('survey_listed', 'survey', ['asked_at', 'id'], unique=False)
    op.create_table('visit',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('job_id', sa.String(), nullable=False),
        sa.Column('ticket_id', sa.String(), nullable=False),
        sa.Column('provider_id', sa.String(), nullable=False),
        sa.Column('offer_id', sa.String(), nullable=True),
        sa.Column('technician', sa.String(), nullable=False),
        sa.Column('call_pin', sa.String(), nullable=True),
        sa.Column('doorstep', sa.String(), nullable=True),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('window_from', sa.BigInteger(), nullable=False),
        sa.Column('window_until', sa.BigInteger(), nullable=False),
        sa.Column('eta', sa.BigInteger(), nullable=True),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('en_route_at', sa.BigInteger(), nullable=True),
        sa.Column('on_site_at', sa.BigInteger(), nullable=True),
        sa.Column('done_at', sa.BigInteger(), nullable=True),
        sa.Column('outcome', sa.String(), nullable=True),
        sa.Column('note', sa.String(), nullable=True),
        sa.Column('incomplete', sa.String(), nullable=True),
        sa.Column('parts', sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column('expected_at', sa.BigInteger(), nullable=True),
        sa.Column('fix', sa.String(), nullable=True),
        sa.Column('used', sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column('fixed_profile', sa.String(), nullable=True),
        sa.Column('fixed_cause', sa.String(), nullable=True),
        sa.Column('reported_at', sa.BigInteger(), nullable=True),
        sa.Column('report', sa.JSON(none_as_null=True), nullable=True),
        sa.Column('handed_back_at', sa.BigInteger(), nullable=True),
        sa.Column('asks', sa.Integer(), nullable=False),
        sa.Column('early_ok_at', sa.BigInteger(), nullable=True),
        sa.Column('called_at', sa.BigInteger(), nullable=True),
        sa.Column('contested_at', sa.BigInteger(), nullable=True),
        sa.Column('moves', sa.Integer(), server_default='0', nullable=False),
        sa.Column('moved_at', sa.BigInteger(), nullable=True),
        sa.Column('left_out', sa.String(), nullable=True),
        sa.ForeignKeyConstraint(['job_id'], ['job.id']),
        sa.ForeignKeyConstraint(['offer_id'], ['offer.id']),
        sa.ForeignKeyConstraint(['provider_id'], ['provider.id']),
        sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_visit_job_id'), 'visit', ['job_id'], unique=False)
    op.create_index(op.f('ix_visit_offer_id'), 'visit', ['offer_id'], unique=False)
    op.create_index(op.f('ix_visit_ticket_id'), 'visit', ['ticket_id'], unique=False)
    op.create_index('visit_day', 'visit', ['window_from', 'provider_id', 'state'], unique=False)
    op.create_index('visit_done', 'visit', ['done_at'], unique=False, sqlite_where=sa.text('done_at IS NOT NULL'), postgresql_where=sa.text('done_at IS NOT NULL'))
    op.create_index('visit_fixed', 'visit', ['fixed_profile', 'fixed_cause', 'done_at'], unique=False, sqlite_where=sa.text('fix IS NOT NULL'), postgresql_where=sa.text('fix IS NOT NULL'))
    op.create_index('visit_of_provider', 'visit', ['provider_id', 'done_at', 'id'], unique=False)
    op.create_index('visit_open', 'visit', ['window_from', 'id'], unique=False, sqlite_where=sa.text('done_at IS NULL'), postgresql_where=sa.text('done_at IS NULL'))
    op.create_index('visit_out', 'visit', ['state', 'provider_id'], unique=False, sqlite_where=sa.text('done_at IS NULL'), postgresql_where=sa.text('done_at IS NULL'))
    op.create_index('visit_pin', 'visit', ['call_pin'], unique=True, sqlite_where=sa.text('done_at IS NULL'), postgresql_where=sa.text('done_at IS NULL'))
    op.create_index('visit_until', 'visit', ['state', 'window_until'], unique=False, sqlite_where=sa.text('done_at IS NULL'), postgresql_where=sa.text('done_at IS NULL'))
    op.create_table('photo',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('visit_id', sa.String(), nullable=True),
        sa.Column('ticket_id', sa.String(), nullable=True),
        sa.Column('waits_for', sa.String(), nullable=True),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('sender', sa.String(), nullable=False),
        sa.Column('width', sa.Integer(), nullable=False),
        sa.Column('height', sa.Integer(), nullable=False),
        sa.Column('digest', sa.String(), nullable=False),
        sa.Column('content', sa.LargeBinary(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id']),
        sa.ForeignKeyConstraint(['visit_id'], ['visit.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_photo_created_at'), 'photo', ['created_at'], unique=False)
    op.create_index(op.f('ix_photo_site_id'), 'photo', ['site_id'], unique=False)
    op.create_index(op.f('ix_photo_ticket_id'), 'photo', ['ticket_id'], unique=False)
    op.create_index(op.f('ix_photo_visit_id'), 'photo', ['visit_id'], unique=False)
    op.create_index(op.f('ix_photo_waits_for'), 'photo', ['waits_for'], unique=False)
    op.create_table('signature',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('visit_id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('drawing', sa.String(), nullable=False),
        sa.Column('shown', sa.String(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.ForeignKeyConstraint(['visit_id'], ['visit.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_signature_created_at'), 'signature', ['created_at'], unique=False)
    op.create_index(op.f('ix_signature_site_id'), 'signature', ['site_id'], unique=False)
    op.create_index(op.f('ix_signature_visit_id'), 'signature', ['visit_id'], unique=False)
