-- The whole bank: tables, then functions, triggers and grants.

create table account_number_index (
    digest bytea not null,
    customer_id uuid not null,
    account_id uuid not null,
    constraint pk_account_number_index primary key (digest)
);

create index ix_account_number_index_customer_id_account_id
    on account_number_index (customer_id, account_id);

create table branch (
    id uuid not null,
    code text not null,
    name text not null,
    city text not null,
    state text,
    region text,
    division text,
    constraint pk_branch primary key (id),
    constraint uq_branch_code unique (code)
);

create table business_date (
    id smallint not null,
    current_on date not null,
    constraint pk_business_date primary key (id),
    constraint ck_business_date_one_row check (id = 1)
);

create table contact_index (
    digest bytea not null,
    customer_id uuid not null,
    kind text not null constraint ck_contact_index_kind check (kind in ('PHONE', 'EMAIL')),
    constraint pk_contact_index primary key (digest, customer_id)
);

create index ix_contact_index_customer_id on contact_index (customer_id);

create table customer_number (
    number text not null,
    customer_id uuid not null,
    constraint pk_customer_number primary key (number)
);

create index ix_customer_number_customer_id on customer_number (customer_id);

create table key_check (
    id smallint not null,
    master bytea not null,
    digest bytea not null,
    constraint pk_key_check primary key (id),
    constraint ck_key_check_one_row check (id = 1)
);

create table name_index (
    digest bytea not null,
    customer_id uuid not null,
    constraint pk_name_index primary key (digest, customer_id)
);

create index ix_name_index_customer_id on name_index (customer_id);

create table national_id_index (
    digest bytea not null,
    customer_id uuid not null,
    constraint pk_national_id_index primary key (digest)
);

create index ix_national_id_index_customer_id on national_id_index (customer_id);

create table product (
    id uuid not null,
    code text not null,
    name text not null,
    kind text not null
        constraint ck_product_kind check (kind in ('FUND', 'STOCK', 'DEPOSIT', 'LOAN', 'CARD')),
    risk_level text
        constraint ck_product_risk_level check (risk_level in ('R1', 'R2', 'R3', 'R4', 'R5')),
    currency text not null
        constraint ck_product_currency check (currency in ('CNY', 'CZK', 'EUR', 'GBP', 'HKD',
        'JPY', 'USD')),
    constraint pk_product primary key (id),
    constraint uq_product_id_currency unique (id, currency),
    constraint uq_product_code unique (code)
);

create table segment (
    id uuid not null,
    code text not null,
    name text not null,
    definition text not null,
    computed_at timestamptz,
    constraint pk_segment primary key (id),
    constraint uq_segment_code unique (code)
);

create table ticket_number (
    number text not null,
    customer_id uuid not null,
    ticket_id uuid not null,
    constraint pk_ticket_number primary key (number)
);

create table customer (
    id uuid not null,
    number text not null,
    type text not null
        constraint ck_customer_type check (type in ('INDIVIDUAL', 'BUSINESS', 'BANK')),
    source text not null
        constraint ck_customer_source check (source in ('BANK360', 'RETAIL_BANK', 'LUXURY',
        'SEED')),
    status text not null
        constraint ck_customer_status check (status in ('ACTIVE', 'DORMANT', 'BLOCKED', 'CLOSED')),
    kyc_status text not null
        constraint ck_customer_kyc_status check (kyc_status in ('VERIFIED', 'PENDING', 'EXPIRED',
        'UNKNOWN')),
    tier text not null
        constraint ck_customer_tier check (tier in ('NORMAL', 'SILVER', 'GOLD', 'PLATINUM')),
    gender text constraint ck_customer_gender check (gender in ('FEMALE', 'MALE', 'OTHER')),
    occupation text,
    risk_appetite text
        constraint ck_customer_risk_appetite check (risk_appetite in ('C1', 'C2', 'C3', 'C4',
        'C5')),
    credit_grade text
        constraint ck_customer_credit_grade check (credit_grade in ('AAA', 'AA', 'A', 'BBB', 'BB',
        'B', 'C')),
    credit_score integer,
    language text,
    preferred_channel text
        constraint ck_customer_preferred_channel check (preferred_channel in ('BRANCH', 'PHONE',
        'SMS', 'EMAIL', 'WEB', 'MOBILE', 'POST', 'FAX', 'REFERRAL')),
    branch_id uuid,
    customer_since date not null,
    merged_into uuid,
    version integer default '1' not null,
    name_ciphertext bytea,
    birth_date_ciphertext bytea,
    national_id_ciphertext bytea,
    phone_ciphertext bytea,
    email_ciphertext bytea,
    address_ciphertext bytea,
    created_at timestamptz default now() not null,
    constraint pk_customer primary key (id),
    constraint ck_customer_version check (version > 0),
    constraint ck_customer_credit_score check (credit_score between 0 and 1000),
   
        constraint ck_customer_one_bank check ((type = 'BANK') = (id = '00dc6acf-ac00-7365-9eaf-c3684b2b92d9')),
    constraint fk_customer_branch_id foreign key(branch_id) references branch (id)
);

create index ix_customer_branch_id_customer_since_id on customer (branch_id, customer_since, id);

create unique index ix_customer_customer_since_id on customer (customer_since, id);

create table product_price (
    product_id uuid not null,
    price_on date not null,
    price numeric(19, 6) not null,
    constraint pk_product_price primary key (product_id, price_on),
    constraint ck_product_price_price_positive check (price > 0),
    constraint fk_product_price_product_id foreign key(product_id) references product (id)
);

create table staff (
    id uuid not null,
    number text not null,
    name text not null,
    branch_id uuid,
    active boolean default 'true' not null,
    constraint pk_staff primary key (id),
    constraint uq_staff_number unique (number),
    constraint fk_staff_branch_id foreign key(branch_id) references branch (id)
);

create index ix_staff_branch_id on staff (branch_id);

create table account (
    customer_id uuid not null,
    id uuid not null,
    kind text not null
        constraint ck_account_kind check (kind in ('DEMAND', 'TIME_DEPOSIT', 'LOAN', 'INTERNAL')),
    internal_purpose text
        constraint ck_account_internal_purpose check (internal_purpose in ('CASH', 'CLEARING',
        'CARD_SETTLEMENT', 'INTEREST_EXPENSE', 'INTEREST_INCOME', 'FEE_INCOME', 'LOAN_SETTLEMENT',
        'ROUNDING_DIFFERENCE', 'UNEXPLAINED_DIFFERENCE')),
    currency text not null
        constraint ck_account_currency check (currency in ('CNY', 'CZK', 'EUR', 'GBP', 'HKD',
        'JPY', 'USD')),
    balance numeric constraint ck_account_balance check (scale(balance) <= 4),
    held numeric default '0.00' not null
        constraint ck_account_held check (scale(held) <= 4 and held >= 0),
    status text not null
        constraint ck_account_status check (status in ('OPEN', 'FROZEN', 'CLOSED')),
    number_ciphertext bytea,
    branch_id uuid,
    statement_frequency text default 'NONE' not null
        constraint ck_account_statement_frequency check (statement_frequency in ('MONTHLY',
        'WEEKLY', 'AFTER_TRANSACTION', 'NONE')),
    opened_on date not null,
    closed_on date,
    annual_rate numeric(9, 6),
    term_months integer,
    matures_on date,
    version integer default '1' not null,
    source text not null
        constraint ck_account_source check (source in ('BANK360', 'RETAIL_BANK', 'LUXURY', 'SEED')),
    source_ref text,
    constraint pk_account primary key (customer_id, id),
   
        constraint ck_account_internal_purpose_given check ((kind = 'INTERNAL') = (internal_purpose is not null)),
    constraint ck_account_balance_kept check ((kind = 'INTERNAL') = (balance is null)),
    constraint ck_account_version check (version > 0),
    constraint ck_account_closed_on_given check ((status = 'CLOSED') = (closed_on is not null)),
    constraint fk_account_customer_id foreign key(customer_id) references customer (id),
    constraint fk_account_branch_id foreign key(branch_id) references branch (id)
);

create table assignment (
    customer_id uuid not null,
    role text not null
        constraint ck_assignment_role check (role in ('CUSTOMER', 'TELLER',
        'RELATIONSHIP_MANAGER', 'WEALTH_ADVISOR', 'SERVICE_AGENT', 'LOAN_OFFICER',
        'BRANCH_MANAGER', 'RISK_OFFICER', 'MARKETER', 'ANALYST', 'EXECUTIVE', 'COMPLIANCE',
        'ADMIN')),
    staff_id uuid not null,
    assigned_at timestamptz default now() not null,
    constraint pk_assignment primary key (customer_id, role),
    constraint fk_assignment_customer_id foreign key(customer_id) references customer (id),
    constraint fk_assignment_staff_id foreign key(staff_id) references staff (id)
);

create index ix_assignment_staff_id_role_customer_id on assignment (staff_id, role, customer_id);

create table card (
    customer_id uuid not null,
    id uuid not null,
    account_owner_id uuid not null,
    account_id uuid not null,
    level text not null
        constraint ck_card_level check (level in ('STANDARD', 'SIGNATURE', 'INFINITE')),
    status text not null
        constraint ck_card_status check (status in ('ACTIVE', 'BLOCKED', 'EXPIRED')),
    issued_on date not null,
    expires_on date,
    number_ciphertext bytea,
    source text not null
        constraint ck_card_source check (source in ('BANK360', 'RETAIL_BANK', 'LUXURY', 'SEED')),
    constraint pk_card primary key (customer_id, id),
    constraint fk_card_customer_id foreign key(customer_id) references customer (id)
);

create index ix_card_account_owner_id_account_id on card (account_owner_id, account_id);

create index ix_card_customer_id_issued_on_id on card (customer_id, issued_on, id);

create table customer_key (
    customer_id uuid not null,
    wrapped_key bytea not null,
    created_at timestamptz default now() not null,
    constraint pk_customer_key primary key (customer_id),
    constraint fk_customer_key_customer_id foreign key(customer_id) references customer (id)
);

create table held_account (
    customer_id uuid not null,
    owner_id uuid not null,
    account_id uuid not null,
    role text not null
        constraint ck_held_account_role check (role in ('JOINT_HOLDER', 'AUTHORISED_USER')),
    constraint pk_held_account primary key (customer_id, owner_id, account_id),
    constraint fk_held_account_customer_id foreign key(customer_id) references customer (id)
);

create table holding (
    customer_id uuid not null,
    id uuid not null,
    product_id uuid not null,
    units numeric(24, 8) not null,
    cost numeric not null constraint ck_holding_cost check (scale(cost) <= 4),
    currency text not null
        constraint ck_holding_currency check (currency in ('CNY', 'CZK', 'EUR', 'GBP', 'HKD',
        'JPY', 'USD')),
    version integer default '1' not null,
    constraint pk_holding primary key (customer_id, id),
   
        constraint fk_holding_product_id_currency foreign key(product_id,
        currency) references product (id, currency),
    constraint ck_holding_units check (units >= 0),
    constraint fk_holding_customer_id foreign key(customer_id) references customer (id)
);

create unique index ix_holding_customer_id_product_id on holding (customer_id, product_id);

create table journal_entry (
    customer_id uuid not null,
    id uuid not null,
    kind text not null
        constraint ck_journal_entry_kind check (kind in ('CASH_DEPOSIT', 'CASH_WITHDRAWAL',
        'CARD_WITHDRAWAL', 'TRANSFER_IN', 'TRANSFER_OUT', 'PENSION', 'HOUSEHOLD_PAYMENT',
        'INSURANCE_PAYMENT', 'LOAN_PAYMENT', 'LEASING_PAYMENT', 'FEE', 'INTEREST_CREDITED',
        'PENALTY_INTEREST', 'LOAN_DISBURSEMENT', 'REVERSAL', 'ROUNDING_DIFFERENCE',
        'UNEXPLAINED_DIFFERENCE')),
    booked_at timestamptz not null,
    value_on date not null,
    reverses_id uuid,
    source text not null
        constraint ck_journal_entry_source check (source in ('BANK360', 'RETAIL_BANK', 'LUXURY',
        'SEED')),
    source_ref text,
    constraint pk_journal_entry primary key (customer_id, id),
   
        constraint fk_journal_entry_customer_id_reverses_id foreign key(customer_id,
        reverses_id) references journal_entry (customer_id, id),
    constraint fk_journal_entry_customer_id foreign key(customer_id) references customer (id)
);

create table relationship (
    customer_id uuid not null,
    id uuid not null,
    related_customer_id uuid not null,
    kind text not null
        constraint ck_relationship_kind check (kind in ('SHARES_ACCOUNT', 'SPOUSE', 'PARENT',
        'CHILD', 'EMPLOYER', 'EMPLOYEE')),
    since date,
    constraint pk_relationship primary key (customer_id, id),
    constraint ck_relationship_not_oneself check (customer_id <> related_customer_id),
    constraint fk_relationship_customer_id foreign key(customer_id) references customer (id)
);

create table segment_membership (
    customer_id uuid not null,
    segment_id uuid not null,
    since timestamptz default now() not null,
    customer_since date not null,
    constraint pk_segment_membership primary key (customer_id, segment_id),
   
        constraint fk_segment_membership_customer_since_customer_id foreign key(customer_since,
        customer_id) references customer (customer_since, id),
    constraint fk_segment_membership_segment_id foreign key(segment_id) references segment (id)
);

create index ix_segment_membership_segment_id_customer_since_customer_id
    on segment_membership (segment_id, customer_since, customer_id);

create table staff_queue (
    staff_id uuid not null,
    queue text not null,
    constraint pk_staff_queue primary key (staff_id, queue),
    constraint fk_staff_queue_staff_id foreign key(staff_id) references staff (id)
);

create table staff_role (
    staff_id uuid not null,
    role text not null
        constraint ck_staff_role_role check (role in ('CUSTOMER', 'TELLER',
        'RELATIONSHIP_MANAGER', 'WEALTH_ADVISOR', 'SERVICE_AGENT', 'LOAN_OFFICER',
        'BRANCH_MANAGER', 'RISK_OFFICER', 'MARKETER', 'ANALYST', 'EXECUTIVE', 'COMPLIANCE',
        'ADMIN')),
    constraint pk_staff_role primary key (staff_id, role),
    constraint fk_staff_role_staff_id foreign key(staff_id) references staff (id)
);

create table ticket (
    customer_id uuid not null,
    id uuid not null,
    number text not null,
    category text not null
        constraint ck_ticket_category check (category in ('CURRENT_ACCOUNT', 'SAVINGS_ACCOUNT',
        'TIME_DEPOSIT', 'CREDIT_CARD', 'LOAN', 'PAYMENT', 'CHEQUE_CASHING', 'OTHER')),
    subject text not null,
    status text not null
        constraint ck_ticket_status check (status in ('OPEN', 'IN_PROGRESS',
        'WAITING_FOR_CUSTOMER', 'RESOLVED', 'CLOSED')),
    priority text not null
        constraint ck_ticket_priority check (priority in ('LOW', 'NORMAL', 'HIGH', 'URGENT')),
    channel text not null
        constraint ck_ticket_channel check (channel in ('BRANCH', 'PHONE', 'SMS', 'EMAIL', 'WEB',
        'MOBILE', 'POST', 'FAX', 'REFERRAL')),
    queue text not null,
    assignee_id uuid,
    opened_at timestamptz not null,
    due_at timestamptz,
    breached_at timestamptz,
    closed_at timestamptz,
    resolution text
        constraint ck_ticket_resolution check (resolution in ('EXPLAINED', 'MONETARY_RELIEF',
        'NON_MONETARY_RELIEF', 'RELIEF', 'NO_RELIEF', 'UNSPECIFIED', 'UNTIMELY_RESPONSE')),
    csat smallint,
    event_count integer default '0' not null,
    version integer default '1' not null,
    source text not null
        constraint ck_ticket_source check (source in ('BANK360', 'RETAIL_BANK', 'LUXURY', 'SEED')),
    constraint pk_ticket primary key (customer_id, id),
    constraint ck_ticket_csat check (csat between 1 and 5),
    constraint ck_ticket_event_count check (event_count >= 0),
   
        constraint ck_ticket_resolution_given check ((status in ('RESOLVED',
        'CLOSED')) = (resolution is not null)),
    constraint fk_ticket_customer_id foreign key(customer_id) references customer (id),
    constraint fk_ticket_assignee_id foreign key(assignee_id) references staff (id)
);

create index ix_ticket_assignee_id on ticket (assignee_id);

create index ix_ticket_customer_id_opened_at_id on ticket (customer_id, opened_at, id);

create index ix_ticket_opened_at_id on ticket (opened_at, id);

create index ix_ticket_queue_closed_at on ticket (queue, closed_at);

create index ix_ticket_queue_opened_at_id on ticket (queue, opened_at, id);

create index ix_ticket_queue_status_opened_at_id on ticket (queue, status, opened_at, id);

create index ix_ticket_status_opened_at_id on ticket (status, opened_at, id);

create table account_holder (
    customer_id uuid not null,
    account_id uuid not null,
    holder_id uuid not null,
    role text not null
        constraint ck_account_holder_role check (role in ('JOINT_HOLDER', 'AUTHORISED_USER')),
    since date,
    constraint pk_account_holder primary key (customer_id, account_id, holder_id),
   
        constraint fk_account_holder_customer_id_account_id foreign key(customer_id,
        account_id) references account (customer_id, id)
);

create table holding_lot (
    customer_id uuid not null,
    id uuid not null,
    holding_id uuid not null,
    acquired_on date not null,
    units numeric(24, 8) not null,
    cost numeric not null constraint ck_holding_lot_cost check (scale(cost) <= 4),
    constraint pk_holding_lot primary key (customer_id, id),
   
        constraint fk_holding_lot_customer_id_holding_id foreign key(customer_id,
        holding_id) references holding (customer_id, id),
    constraint ck_holding_lot_units_positive check (units > 0)
);

create index ix_holding_lot_customer_id_holding_id_acquired_on_id
    on holding_lot (customer_id, holding_id, acquired_on, id);

create table interaction (
    customer_id uuid not null,
    id uuid not null,
    kind text not null
        constraint ck_interaction_kind check (kind in ('CALL', 'REVIEW', 'VISIT', 'MESSAGE')),
    channel text not null
        constraint ck_interaction_channel check (channel in ('BRANCH', 'PHONE', 'SMS', 'EMAIL',
        'WEB', 'MOBILE', 'POST', 'FAX', 'REFERRAL')),
    ticket_id uuid,
    branch_id uuid,
    started_at timestamptz not null,
    ended_at timestamptz,
    purpose text
        constraint ck_interaction_purpose check (purpose in ('REGULAR', 'NEW_CUSTOMER',
        'STOCK_EXCHANGE', 'CALL_BACK', 'INTERNET', 'REGULAR_ENGLISH')),
    outcome text
        constraint ck_interaction_outcome check (outcome in ('AGENT', 'HANG_UP', 'PHANTOM')),
    priority smallint,
    agent text,
    stars smallint,
    product text,
    phone_ciphertext bytea,
    text_ciphertext bytea,
    source text not null
        constraint ck_interaction_source check (source in ('BANK360', 'RETAIL_BANK', 'LUXURY',
        'SEED')),
    source_ref text,
    constraint pk_interaction primary key (customer_id, id),
   
        constraint fk_interaction_customer_id_ticket_id foreign key(customer_id,
        ticket_id) references ticket (customer_id, id),
    constraint ck_interaction_stars check (stars between 1 and 5),
    constraint fk_interaction_customer_id foreign key(customer_id) references customer (id),
    constraint fk_interaction_branch_id foreign key(branch_id) references branch (id)
);

create index ix_interaction_branch_id_started_at_id on interaction (branch_id, started_at, id);

create index ix_interaction_customer_id_started_at_id on interaction (customer_id, started_at, id);

create table loan (
    customer_id uuid not null,
    id uuid not null,
    number text not null,
    account_id uuid,
    purpose text not null
        constraint ck_loan_purpose check (purpose in ('HOME', 'HOME_IMPROVEMENT', 'CAR',
        'DEBT_CONSOLIDATION', 'INVESTMENT_PROPERTY', 'COMMERCIAL_PROPERTY', 'BOAT', 'PLANE',
        'CONSUMPTION', 'BUSINESS')),
    currency text not null
        constraint ck_loan_currency check (currency in ('CNY', 'CZK', 'EUR', 'GBP', 'HKD', 'JPY',
        'USD')),
    principal numeric not null
        constraint ck_loan_principal check (scale(principal) <= 4 and principal > 0),
    outstanding numeric not null
        constraint ck_loan_outstanding check (scale(outstanding) <= 4 and outstanding >= 0),
    monthly_payment numeric not null
        constraint ck_loan_monthly_payment check (scale(monthly_payment) <= 4),
    annual_rate numeric(9, 6) not null,
    term_months integer not null,
    repayment_method text not null
        constraint ck_loan_repayment_method check (repayment_method in ('EQUAL_INSTALMENT',
        'EQUAL_PRINCIPAL')),
    status text not null
        constraint ck_loan_status check (status in ('APPLIED', 'APPROVED', 'REJECTED', 'ACTIVE',
        'IN_ARREARS', 'PAID_OFF', 'DEFAULTED', 'WRITTEN_OFF')),
    granted_on date not null,
    ends_on date not null,
    collateral_value numeric
        constraint ck_loan_collateral_value check (scale(collateral_value) <= 4),
    version integer default '1' not null,
    source text not null
        constraint ck_loan_source check (source in ('BANK360', 'RETAIL_BANK', 'LUXURY', 'SEED')),
    source_status text,
    constraint pk_loan primary key (customer_id, id),
   
        constraint fk_loan_customer_id_account_id foreign key(customer_id,
        account_id) references account (customer_id, id),
    constraint ck_loan_annual_rate check (annual_rate >= 0),
    constraint ck_loan_term_months check (term_months > 0),
    constraint fk_loan_customer_id foreign key(customer_id) references customer (id)
);

create index ix_loan_customer_id_granted_on_id on loan (customer_id, granted_on, id);

create table posting (
    customer_id uuid not null,
    id uuid not null,
    account_id uuid not null,
    entry_customer_id uuid not null,
    entry_id uuid not null,
    kind text not null
        constraint ck_posting_kind check (kind in ('CASH_DEPOSIT', 'CASH_WITHDRAWAL',
        'CARD_WITHDRAWAL', 'TRANSFER_IN', 'TRANSFER_OUT', 'PENSION', 'HOUSEHOLD_PAYMENT',
        'INSURANCE_PAYMENT', 'LOAN_PAYMENT', 'LEASING_PAYMENT', 'FEE', 'INTEREST_CREDITED',
        'PENALTY_INTEREST', 'LOAN_DISBURSEMENT', 'REVERSAL', 'ROUNDING_DIFFERENCE',
        'UNEXPLAINED_DIFFERENCE')),
    channel text
        constraint ck_posting_channel check (channel in ('BRANCH', 'PHONE', 'SMS', 'EMAIL', 'WEB',
        'MOBILE', 'POST', 'FAX', 'REFERRAL')),
    amount numeric not null constraint ck_posting_amount check (scale(amount) <= 4 and amount <> 0),
    currency text not null
        constraint ck_posting_currency check (currency in ('CNY', 'CZK', 'EUR', 'GBP', 'HKD',
        'JPY', 'USD')),
    balance_after numeric constraint ck_posting_balance_after check (scale(balance_after) <= 4),
    booked_at timestamptz not null,
    value_on date not null,
    counterparty_bank text,
    counterparty_account_ciphertext bytea,
    constraint pk_posting primary key (customer_id, id),
   
        constraint fk_posting_customer_id_account_id foreign key(customer_id,
        account_id) references account (customer_id, id)
);

create index ix_posting_customer_id_account_id_booked_at_id
    on posting (customer_id, account_id, booked_at, id);

create index ix_posting_customer_id_booked_at_id on posting (customer_id, booked_at, id);

create index ix_posting_entry_id on posting (entry_id);

create table standing_order (
    customer_id uuid not null,
    id uuid not null,
    account_id uuid not null,
    purpose text not null
        constraint ck_standing_order_purpose check (purpose in ('HOUSEHOLD', 'LOAN', 'INSURANCE',
        'LEASING', 'OTHER')),
    amount numeric not null
        constraint ck_standing_order_amount check (scale(amount) <= 4 and amount > 0),
    currency text not null
        constraint ck_standing_order_currency check (currency in ('CNY', 'CZK', 'EUR', 'GBP',
        'HKD', 'JPY', 'USD')),
    frequency text not null
        constraint ck_standing_order_frequency check (frequency in ('WEEKLY', 'MONTHLY',
        'QUARTERLY', 'YEARLY')),
    status text not null
        constraint ck_standing_order_status check (status in ('ACTIVE', 'CANCELLED')),
    next_on date,
    payee_bank text,
    payee_account_ciphertext bytea,
    source text not null
        constraint ck_standing_order_source check (source in ('BANK360', 'RETAIL_BANK', 'LUXURY',
        'SEED')),
    source_ref text,
    constraint pk_standing_order primary key (customer_id, id),
   
        constraint fk_standing_order_customer_id_account_id foreign key(customer_id,
        account_id) references account (customer_id, id)
);

create index ix_standing_order_customer_id_account_id_id
    on standing_order (customer_id, account_id, id);

create table ticket_comment (
    customer_id uuid not null,
    id uuid not null,
    ticket_id uuid not null,
    staff_id uuid,
    internal boolean not null,
    body_ciphertext bytea,
    written_at timestamptz not null,
    constraint pk_ticket_comment primary key (customer_id, id),
   
        constraint fk_ticket_comment_customer_id_ticket_id foreign key(customer_id,
        ticket_id) references ticket (customer_id, id),
    constraint fk_ticket_comment_staff_id foreign key(staff_id) references staff (id)
);

create index ix_ticket_comment_customer_id_ticket_id_written_at_id
    on ticket_comment (customer_id, ticket_id, written_at, id);

create table ticket_event (
    customer_id uuid not null,
    id uuid not null,
    ticket_id uuid not null,
    number integer not null,
    kind text not null
        constraint ck_ticket_event_kind check (kind in ('OPENED', 'ASSIGNED', 'FORWARDED',
        'REPLIED', 'STATUS_CHANGED', 'BREACHED', 'RESOLVED', 'CLOSED', 'RATED')),
    occurred_at timestamptz,
    staff_id uuid,
    status text
        constraint ck_ticket_event_status check (status in ('OPEN', 'IN_PROGRESS',
        'WAITING_FOR_CUSTOMER', 'RESOLVED', 'CLOSED')),
    constraint pk_ticket_event primary key (customer_id, id),
   
        constraint fk_ticket_event_customer_id_ticket_id foreign key(customer_id,
        ticket_id) references ticket (customer_id, id),
    constraint ck_ticket_event_number check (number > 0),
    constraint fk_ticket_event_staff_id foreign key(staff_id) references staff (id)
);

create unique index ix_ticket_event_customer_id_ticket_id_number
    on ticket_event (customer_id, ticket_id, number);

create table instalment (
    customer_id uuid not null,
    id uuid not null,
    loan_id uuid not null,
    number smallint not null,
    due_on date not null,
    principal numeric not null
        constraint ck_instalment_principal check (scale(principal) <= 4 and principal >= 0),
    interest numeric not null
        constraint ck_instalment_interest check (scale(interest) <= 4 and interest >= 0),
    paid numeric default '0.00' not null
        constraint ck_instalment_paid check (scale(paid) <= 4 and paid between 0 and principal + interest),
    paid_on date,
    constraint pk_instalment primary key (customer_id, id),
   
        constraint fk_instalment_customer_id_loan_id foreign key(customer_id,
        loan_id) references loan (customer_id, id),
    constraint ck_instalment_number check (number > 0)
);

create unique index ix_instalment_customer_id_loan_id_number
    on instalment (customer_id, loan_id, number);

create function refuse_change() returns trigger language plpgsql
set search_path = pg_catalog, public, pg_temp as $body$
begin
    raise exception '% is append-only: a correction is a new row', tg_table_name
        using errcode = 'restrict_violation';
end
$body$;

-- Each look-up goes through an index: what a session planned for a small bank is kept while the
-- bank grows, and a scan of all entries for each statement makes a big load quadratic.
create function check_postings() returns trigger language plpgsql
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $body$
declare
    wrong uuid;
begin
    select entry_id into wrong from added group by entry_id, currency having sum(amount) <> 0;
    if found then
        raise exception 'postings of entry % do not sum to zero', wrong
            using errcode = 'check_violation';
    end if;
    select added.id into wrong from added
    left join account on account.customer_id = added.customer_id and account.id = added.account_id
    where account.currency is distinct from added.currency
        or (account.kind = 'INTERNAL') is distinct from (added.balance_after is null);
    if found then
        raise exception 'posting % does not fit its account: currency or balance_after', wrong
            using errcode = 'check_violation';
    end if;
    select added.id into wrong from added where not exists (
        select from journal_entry as entry
        where entry.customer_id = added.entry_customer_id and entry.id = added.entry_id
            and (entry.kind, entry.booked_at, entry.value_on)
                = (added.kind, added.booked_at, added.value_on)
    );
    if found then
        raise exception 'posting % belongs to no journal entry of its kind and time', wrong
            using errcode = 'foreign_key_violation';
    end if;
    select entry_id into wrong from added group by entry_id
    having count(*) <> (select count(*) from posting where posting.entry_id = added.entry_id);
    if found then
        raise exception 'entry % has postings already: a correction is a new entry', wrong
            using errcode = 'restrict_violation';
    end if;
    return null;
end
$body$;

create trigger append_only before update or delete on journal_entry
    for each row execute function refuse_change();
create trigger append_only_truncate before truncate on journal_entry
    for each statement execute function refuse_change();
create trigger append_only before update or delete on posting
    for each row execute function refuse_change();
create trigger append_only_truncate before truncate on posting
    for each statement execute function refuse_change();
create trigger append_only before update or delete on ticket_event
    for each row execute function refuse_change();
create trigger append_only_truncate before truncate on ticket_event
    for each statement execute function refuse_change();
create trigger balanced after insert on posting referencing new table as added
    for each statement execute function check_postings();
do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$;
grant usage on schema public to app_read, app_write, jobs;
grant select on account to app_read;
grant select, insert, update on account to app_write, jobs;
grant select on account_holder to app_read;
grant select, insert, update, delete on account_holder to app_write, jobs;
grant select on account_number_index to app_read;
grant select, insert, update on account_number_index to app_write, jobs;
grant select on assignment to app_read;
grant select, insert, update, delete on assignment to app_write, jobs;
grant select on branch to app_read;
grant select, insert, update on branch to app_write, jobs;
grant select on business_date to app_read;
grant select, insert, update on business_date to app_write, jobs;
grant select on card to app_read;
grant select, insert, update on card to app_write, jobs;
grant select on contact_index to app_read;
grant select, insert, update, delete on contact_index to app_write, jobs;
grant select on customer to app_read;
grant select, insert, update on customer to app_write, jobs;
grant select on customer_key to app_read;
grant select, insert, update, delete on customer_key to app_write, jobs;
grant select on customer_number to app_read;
grant select, insert, update on customer_number to app_write, jobs;
grant select on held_account to app_read;
grant select, insert, update, delete on held_account to app_write, jobs;
grant select on holding to app_read;
grant select, insert, update on holding to app_write, jobs;
grant select on holding_lot to app_read;
grant select, insert, update on holding_lot to app_write, jobs;
grant select on instalment to app_read;
grant select, insert, update on instalment to app_write, jobs;
grant select on interaction to app_read;
grant select, insert, update on interaction to app_write, jobs;
grant select on journal_entry to app_read;
grant select, insert on journal_entry to app_write, jobs;
grant select on loan to app_read;
grant select, insert, update on loan to app_write, jobs;
grant select on name_index to app_read;
grant select, insert, update, delete on name_index to app_write, jobs;
grant select on national_id_index to app_read;
grant select, insert, update, delete on national_id_index to app_write, jobs;
grant select on posting to app_read;
grant select, insert on posting to app_write, jobs;
grant select on product to app_read;
grant select, insert, update on product to app_write, jobs;
grant select on product_price to app_read;
grant select, insert, update on product_price to app_write, jobs;
grant select on relationship to app_read;
grant select, insert, update, delete on relationship to app_write, jobs;
grant select on segment to app_read;
grant select, insert, update on segment to app_write, jobs;
grant select on segment_membership to app_read;
grant select, insert, update, delete on segment_membership to app_write, jobs;
grant select on staff to app_read;
grant select, insert, update on staff to app_write, jobs;
grant select on staff_queue to app_read;
grant select, insert, update, delete on staff_queue to app_write, jobs;
grant select on staff_role to app_read;
grant select, insert, update, delete on staff_role to app_write, jobs;
grant select on standing_order to app_read;
grant select, insert, update on standing_order to app_write, jobs;
grant select on ticket to app_read;
grant select, insert, update on ticket to app_write, jobs;
grant select on ticket_comment to app_read;
grant select, insert, update on ticket_comment to app_write, jobs;
grant select on ticket_event to app_read;
grant select, insert on ticket_event to app_write, jobs;
grant select on ticket_number to app_read;
grant select, insert, update on ticket_number to app_write, jobs;
create function viewer() returns jsonb stable parallel safe
return nullif(current_setting('bank360.viewer', true), '')::jsonb;

create function closed_of_late() returns timestamptz stable parallel safe
return (coalesce((select current_on from business_date), current_date)
    - 7)::timestamp at time zone 'UTC';

create function viewer_branch() returns uuid language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp as $body$
begin
    return (
        select branch_id from staff
        where viewer() ->> 'scope' = 'BRANCH' and id = (viewer() ->> 'staff')::uuid
    );
end
$body$;

create function viewer_queues() returns text[] language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp as $body$
begin
    return array(
        select queue from staff_queue
        where viewer() ->> 'scope' = 'QUEUE' and staff_id = (viewer() ->> 'staff')::uuid
    );
end
$body$;

-- Whether a member of staff who does not see everybody sees this customer.
create function viewer_serves(customer uuid) returns boolean language plpgsql stable
security definer set search_path = pg_catalog, public, pg_temp as $body$
declare
    known constant jsonb := viewer();
    person constant uuid := known ->> 'staff';
begin
    case known ->> 'scope'
    when 'ASSIGNED' then
        return exists (
            select from assignment where assignment.customer_id = viewer_serves.customer
                and assignment.role = known ->> 'role' and assignment.staff_id = person
        );
    when 'QUEUE' then
        return exists (
            select from ticket
            where ticket.customer_id = viewer_serves.customer
                and (ticket.status <> 'CLOSED' or ticket.closed_at >= closed_of_late())
                and exists (
                    select from staff_queue
                    where staff_queue.staff_id = person and staff_queue.queue = ticket.queue
                )
        );
    when 'BRANCH' then
        return exists (
            select from customer as served join staff on staff.branch_id = served.branch_id
            where served.id = viewer_serves.customer and staff.id = person
        );
    else
        return false;
    end case;
end
$body$;

-- Whether somebody whom the viewer sees uses this owner's account, or any account of the owner's.
create function viewer_holds(owner uuid, account uuid default null) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $body$
begin
    return exists (
        select from account_holder as link
        where link.customer_id = viewer_holds.owner
            and (viewer_holds.account is null or link.account_id = viewer_holds.account)
            and (link.holder_id = (viewer() ->> 'customer')::uuid or viewer_serves(link.holder_id))
    );
end
$body$;

create function viewer_is_managed_by(staff uuid) returns boolean language plpgsql stable
security definer set search_path = pg_catalog, public, pg_temp as $body$
begin
    return exists (
        select from assignment
        where assignment.customer_id = (viewer() ->> 'customer')::uuid
            and assignment.role = 'RELATIONSHIP_MANAGER'
            and assignment.staff_id = viewer_is_managed_by.staff
    );
end
$body$;
revoke execute on function viewer() from public;
grant execute on function viewer() to app_read, app_write, jobs;
revoke execute on function closed_of_late() from public;
grant execute on function closed_of_late() to app_read, app_write, jobs;
revoke execute on function viewer_branch() from public;
grant execute on function viewer_branch() to app_read, app_write, jobs;
revoke execute on function viewer_queues() from public;
grant execute on function viewer_queues() to app_read, app_write, jobs;
revoke execute on function viewer_serves(uuid) from public;
grant execute on function viewer_serves(uuid) to app_read, app_write, jobs;
revoke execute on function viewer_holds(uuid, uuid) from public;
grant execute on function viewer_holds(uuid, uuid) to app_read, app_write, jobs;
revoke execute on function viewer_is_managed_by(uuid) from public;
grant execute on function viewer_is_managed_by(uuid) to app_read, app_write, jobs;
alter table account enable row level security;
create policy visible on account for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, id)
    )
);
create policy written on account to app_write using (
    (select viewer()) is not null
);
create policy worked_on on account to jobs using (true);
alter table account_holder enable row level security;
create policy visible on account_holder for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or holder_id = (select (viewer() ->> 'customer')::uuid) or viewer_serves(holder_id)
    )
);
create policy written on account_holder to app_write using (
    (select viewer()) is not null
);
create policy worked_on on account_holder to jobs using (true);
alter table account_number_index enable row level security;
create policy visible on account_number_index for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, account_id)
    )
);
create policy written on account_number_index to app_write using (
    (select viewer()) is not null
);
create policy worked_on on account_number_index to jobs using (true);
alter table assignment enable row level security;
create policy visible on assignment for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or (select viewer() ->> 'scope') = 'ASSIGNED' and staff_id = (select (viewer() ->> 'staff')::uuid) and role = (select viewer() ->> 'role')
        or viewer_serves(customer_id)
    )
);
create policy written on assignment to app_write using (
    (select viewer()) is not null
);
create policy worked_on on assignment to jobs using (true);
alter table branch enable row level security;
create policy visible on branch for select to app_read using (
    (select viewer()) is not null
);
create policy written on branch to app_write using (
    (select viewer()) is not null
);
create policy worked_on on branch to jobs using (true);
alter table business_date enable row level security;
create policy visible on business_date for select to app_read using (
    (select viewer()) is not null
);
create policy written on business_date to app_write using (
    (select viewer()) is not null
);
create policy worked_on on business_date to jobs using (true);
alter table card enable row level security;
create policy visible on card for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on card to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on card to jobs using (true);
alter table contact_index enable row level security;
create policy visible on contact_index for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on contact_index to app_write using (
    (select viewer()) is not null
);
create policy worked_on on contact_index to jobs using (true);
alter table customer enable row level security;
create policy visible on customer for select to app_read using (
    id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or id = (select (viewer() ->> 'customer')::uuid)
        or branch_id = (select viewer_branch())
        or viewer_serves(id)
    )
);
create policy written on customer to app_write using (
    (select viewer()) is not null
);
create policy worked_on on customer to jobs using (true);
alter table customer_key enable row level security;
create policy visible on customer_key for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id)
    )
);
create policy written on customer_key to app_write using (
    (select viewer()) is not null
);
create policy worked_on on customer_key to jobs using (true);
alter table customer_number enable row level security;
create policy visible on customer_number for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on customer_number to app_write using (
    (select viewer()) is not null
);
create policy worked_on on customer_number to jobs using (true);
alter table held_account enable row level security;
create policy visible on held_account for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on held_account to app_write using (
    (select viewer()) is not null
);
create policy worked_on on held_account to jobs using (true);
alter table holding enable row level security;
create policy visible on holding for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on holding to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on holding to jobs using (true);
alter table holding_lot enable row level security;
create policy visible on holding_lot for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on holding_lot to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on holding_lot to jobs using (true);
alter table instalment enable row level security;
create policy visible on instalment for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on instalment to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on instalment to jobs using (true);
alter table interaction enable row level security;
create policy visible on interaction for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on interaction to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on interaction to jobs using (true);
alter table journal_entry enable row level security;
create policy visible on journal_entry for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on journal_entry to app_write using (
    (select viewer()) is not null
);
create policy worked_on on journal_entry to jobs using (true);
alter table key_check enable row level security;
alter table loan enable row level security;
create policy visible on loan for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on loan to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on loan to jobs using (true);
alter table name_index enable row level security;
create policy visible on name_index for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on name_index to app_write using (
    (select viewer()) is not null
);
create policy worked_on on name_index to jobs using (true);
alter table national_id_index enable row level security;
create policy visible on national_id_index for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on national_id_index to app_write using (
    (select viewer()) is not null
);
create policy worked_on on national_id_index to jobs using (true);
alter table posting enable row level security;
create policy visible on posting for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, account_id)
    )
);
create policy written on posting to app_write using (
    (select viewer()) is not null
);
create policy worked_on on posting to jobs using (true);
alter table product enable row level security;
create policy visible on product for select to app_read using (
    (select viewer()) is not null
);
create policy written on product to app_write using (
    (select viewer()) is not null
);
create policy worked_on on product to jobs using (true);
alter table product_price enable row level security;
create policy visible on product_price for select to app_read using (
    (select viewer()) is not null
);
create policy written on product_price to app_write using (
    (select viewer()) is not null
);
create policy worked_on on product_price to jobs using (true);
alter table relationship enable row level security;
create policy visible on relationship for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on relationship to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on relationship to jobs using (true);
alter table segment enable row level security;
create policy visible on segment for select to app_read using (
    (select viewer()) is not null
);
create policy written on segment to app_write using (
    (select viewer()) is not null
);
create policy worked_on on segment to jobs using (true);
alter table segment_membership enable row level security;
create policy visible on segment_membership for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on segment_membership to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on segment_membership to jobs using (true);
alter table staff enable row level security;
create policy visible on staff for select to app_read using (
    (select viewer() ->> 'staff') is not null or viewer_is_managed_by(id)
);
create policy written on staff to app_write using (
    (select viewer() ->> 'staff') is not null or viewer_is_managed_by(id)
);
create policy worked_on on staff to jobs using (true);
alter table staff_queue enable row level security;
create policy visible on staff_queue for select to app_read using (
    (select viewer() ->> 'staff') is not null
);
create policy written on staff_queue to app_write using (
    (select viewer()) is not null
);
create policy worked_on on staff_queue to jobs using (true);
alter table staff_role enable row level security;
create policy visible on staff_role for select to app_read using (
    (select viewer() ->> 'staff') is not null
);
create policy written on staff_role to app_write using (
    (select viewer()) is not null
);
create policy worked_on on staff_role to jobs using (true);
alter table standing_order enable row level security;
create policy visible on standing_order for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, account_id)
    )
);
create policy written on standing_order to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
        or viewer_holds(customer_id, account_id)
    )
);
create policy worked_on on standing_order to jobs using (true);
alter table ticket enable row level security;
create policy visible on ticket for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or queue = any ((select viewer_queues())::text[]) and (status <> 'CLOSED' or closed_at >= (select closed_of_late()))
        or viewer_serves(customer_id)
    )
);
create policy written on ticket to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or queue = any ((select viewer_queues())::text[]) and (status <> 'CLOSED' or closed_at >= (select closed_of_late()))
        or viewer_serves(customer_id)
    )
);
create policy worked_on on ticket to jobs using (true);
alter table ticket_comment enable row level security;
create policy visible on ticket_comment for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid) and not internal
        or viewer_serves(customer_id)
    )
);
create policy written on ticket_comment to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid) and not internal
        or viewer_serves(customer_id)
    )
);
create policy worked_on on ticket_comment to jobs using (true);
alter table ticket_event enable row level security;
create policy visible on ticket_event for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on ticket_event to app_write using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy worked_on on ticket_event to jobs using (true);
alter table ticket_number enable row level security;
create policy visible on ticket_number for select to app_read using (
    customer_id <> '00dc6acf-ac00-7365-9eaf-c3684b2b92d9' and (
        (select viewer() ->> 'scope') = 'ALL'
        or customer_id = (select (viewer() ->> 'customer')::uuid)
        or viewer_serves(customer_id)
    )
);
create policy written on ticket_number to app_write using (
    (select viewer()) is not null
);
create policy worked_on on ticket_number to jobs using (true);
