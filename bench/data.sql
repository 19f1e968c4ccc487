-- The rows that `bench.data` makes, the same on every machine. The names in braces are its sizes. The rows of each table are
-- numbered from 1. Parts are separated by empty lines: the functions first; of the others, each of which begins with the table that
-- it fills, none needs another one's rows. The functions are immutable throughout, or they would be called, not written out: a
-- number becomes text by a cast. What is dear and used twice is computed in an inner query, which `offset 0` keeps from being
-- written out.

create schema filler;
create function filler.id(prefix text, number bigint) returns text language sql immutable as
  $$ select prefix || '_01h455vb4pex5vsk' || right((10000000000 + number)::text, 10) $$;
create function filler.person(number bigint) returns text language sql immutable as
  $$ select (array['Ada','Alan','Barbara','Claude','Dana','Donald','Edsger','Elena','Frances','Grace','Hedy','Ivan','John',
    'Katherine','Leslie','Linus','Margaret','Niklaus','Olga','Peter','Radia','Shafi','Tim','Ursula'])[1 + number % 24]
    || ' ' || (array['Allen','Backus','Codd','Dijkstra','Engelbart','Floyd','Goldberg','Hamilton','Iverson','Johnson','Knuth',
    'Lamport','Lovelace','Milner','Naur','Perlman','Ritchie','Shannon','Turing','Wirth'])[1 + number * 7 % 20]
    || ' ' || chr(65 + (number * 11 % 26)::int) || (number % 997)::text $$;
create function filler.company(number bigint, what text) returns text language sql immutable as
  $$ select (array['Amber','Birch','Cedar','Delta','Ember','Fjord','Grove','Harbour','Iris','Juniper','Kestrel','Lagoon',
    'Maple','North','Ocean','Pine','Quartz','River','Summit','Tidal'])[1 + number * 13 % 20] || ' ' || what || ' ' || number::text $$;
create function filler.client_of(partner bigint, place bigint) returns bigint language sql immutable as
  $$ select 1 + (partner * 37 + place * 101) % {clients} $$;
create function filler.engaged() returns table (b bigint, k bigint, c bigint, a bigint, i bigint) language sql immutable as
  $$ select b, k, c, 2 * c - 1, (b - 1) * {engagements_each} + k from generate_series(1::bigint, {brokers}) b,
    generate_series(1::bigint, {engagements_each}) k, lateral (select 1 + (b * 37 + k * 79) % {clients} as c) x $$;
create function filler.person_of(broker bigint, place bigint) returns text language sql immutable as
  $$ select filler.id('user', {vendor} + (broker - 1) * {broker_people_each} + place) $$;
create function filler.owner_of(account bigint) returns text language sql immutable as
  $$ select filler.id('user', {members} + 2 * ((account - 1) / 2) + 1) $$;
create function filler.partnership_status(place bigint) returns text language sql immutable as
  $$ select (array['ACTIVE','ACTIVE','ACTIVE','ACTIVE','ACTIVE','ACTIVE','ACTIVE','OFFERED','ENDED','DECLINED'])[1 + place % 10] $$;
create function filler.modified() returns table (n bigint, p bigint, c bigint, m bigint) language sql immutable as
  $$ select n, 1 + (n - 1) / {partnerships_each}, filler.client_of(1 + (n - 1) / {partnerships_each}, n % {partnerships_each}), m
    from generate_series(1::bigint, {lively_partners}::bigint * {partnerships_each}) n, generate_series(1::bigint, 8) m
    where filler.partnership_status(n) = 'ACTIVE' $$;
create function filler.modification_status(n bigint, m bigint) returns text language sql immutable as
  $$ select case when m <= 2 then 'DRAFT' when m > 4 then 'ACCEPTED' when n % (case m when 3 then 5 else 3 end) = 1 then 'PENDING'
    else 'DECLINED' end $$;
create function filler.lent_by(n bigint, p bigint, c bigint, m bigint) returns text language sql immutable as
  $$ select filler.id('contact', case when m % 2 = 1 then (p - 1) * {partner_contacts_each} + 1 + (n + 13 + m) % {partner_contacts_each}
    else {partner_contacts} + (c - 1) * {client_contacts_each} + 5 + m end) $$;

-- ── companies and people: users of partners first, then two for each client, the vendor's, and those of client partners ──

insert into app_user (id, name, email, is_vendor, created_at)
select filler.id('user', n), filler.person(n), 'user' || n || '@example.com', n = {vendor}, {begin}
from generate_series(1, {users}) n;

insert into partner (id, name, name_key, kind, domain, licences, admin_id, city, country, phone, email, created_at)
select filler.id('partner', p), filler.company(p, 'Agency'), lower(filler.company(p, 'Agency')), 'PARTNER',
  'agency' || p || '.example', 10, filler.id('user', (p - 1) * {members_each} + 1), 'Lisbon', 'Portugal', '+351 1 ' || p,
  'hello@agency' || p || '.example', {begin}
from generate_series(1, {partners}) p;

insert into partner (id, name, name_key, kind, domain, licences, admin_id, city, country, phone, email, created_at)
select filler.id('partner', {partners} + b), filler.company(b, 'Brokers'), lower(filler.company(b, 'Brokers')), 'CLIENT_PARTNER',
  'brokers' || b || '.example', 10, filler.person_of(b, 1), 'Lisbon', 'Portugal', '+351 2 ' || b,
  'hello@brokers' || b || '.example', {begin}
from generate_series(1, {brokers}) b;

insert into client (id, name, name_key, city, country, phone, email, created_at)
select filler.id('client', c), filler.company(c, 'Foods'), lower(filler.company(c, 'Foods')), 'Utrecht', 'Netherlands',
  '+31 30 ' || c, 'hello@foods' || c || '.example', {begin}
from generate_series(1, {clients}) c;

insert into partner_member (id, partner_id, user_id, role, joined_at)
select filler.id('member', n), filler.id('partner', 1 + (n - 1) / {members_each}), filler.id('user', n),
  case when n % {members_each} = 1 then 'ADMIN' else 'COLLABORATOR' end, {begin}
from generate_series(1, {members}) n;

insert into partner_member (id, partner_id, user_id, role, joined_at)
select filler.id('member', {members} + n), filler.id('partner', {partners} + 1 + (n - 1) / {broker_people_each}),
  filler.id('user', {vendor} + n), case when n % {broker_people_each} = 1 then 'ADMIN' else 'COLLABORATOR' end, {begin}
from generate_series(1, {brokers} * {broker_people_each}) n;

insert into account (id, client_id, name, name_key, status, jobs_created, last_job_at, activated_at, owner_id, created_at)
select filler.id('account', a), filler.id('client', 1 + (a - 1) / 2), filler.company(a, 'Shop'),
  lower(filler.company(a, 'Shop')), 'ACTIVE', a % 200, case when a % 200 > 0 then case when a % 3 > 0 then {later} else {begin} end
  end, case when a % 200 >= 100 then {begin} end, filler.id('user', {members} + 2 * ((a - 1) / 2) + 1), {begin}
from generate_series(1, 2 * {clients}) a;

-- A client's first user owns both of its accounts, the second one works in one of them.
insert into staff_member (id, account_id, user_id, role, joined_at)
select filler.id('staff', 3 * (c - 1) + s), filler.id('account', 2 * (c - 1) + 1 + s % 2),
  filler.id('user', {members} + 2 * (c - 1) + 1 + s / 3), case when s < 3 then 'ACCOUNT_OWNER' else 'STAFF' end, {begin}
from generate_series(1, {clients}) c, generate_series(1, 3) s;

insert into seat (id, user_id, side, partner_id, client_id, roles, version, created_at)
select filler.id('seat', n), filler.id('user', n),
  case when n <= {members} or n > {vendor} then 'PARTNER' when n < {vendor} then 'CLIENT' else 'VENDOR' end,
  case when n <= {members} then filler.id('partner', 1 + (n - 1) / {members_each})
    when n > {vendor} then filler.id('partner', {partners} + 1 + (n - {vendor} - 1) / {broker_people_each}) end,
  case when n > {members} and n < {vendor} then filler.id('client', 1 + (n - {members} - 1) / 2) end,
  case
    when n > {vendor} and (n - {vendor}) % {broker_people_each} = 1
      then '["CLIENT_PARTNER", "CLIENT_PARTNER_ADMIN", "PUBLIC", "USER"]'
    when n > {vendor} then '["CLIENT_PARTNER", "PUBLIC", "USER"]'
    when n = {vendor} then '["ADMIN", "PUBLIC", "USER"]'
    when n > {members} and (n - {members}) % 2 = 1 then '["ACCOUNT_OWNER", "CLIENT", "PUBLIC", "USER"]'
    when n > {members} then '["CLIENT", "PUBLIC", "USER"]'
    when n % {members_each} = 1 then '["PARTNER", "PARTNER_ADMIN", "PUBLIC", "USER"]'
    else '["PARTNER", "PUBLIC", "USER"]'
  end::jsonb, 1, {begin}
from generate_series(1, {users}) n;

-- The first session of the seat n is its user's, and has the token `token-n`.
insert into session (id, token_hash, user_id, seat_id, via, started_at, last_seen_at, expires_at, ip, user_agent)
select filler.id('session', n), encode(sha256(('token-' || n)::bytea), 'hex'), filler.id('user', 1 + (n - 1) % {users}),
  filler.id('seat', 1 + (n - 1) % {users}), 'PASSWORD', {begin}, {later}, {later}, '192.0.2.1', 'Portal/1.0'
from generate_series(1, {sessions}) n;

-- Contacts of partners first.
insert into contact (id, partner_id, client_id, name, name_key, title, email, phone, purposes, created_at, updated_at)
select filler.id('contact', n),
  case when n <= {partner_contacts} then filler.id('partner', 1 + (n - 1) / {partner_contacts_each}) end,
  case when n > {partner_contacts} then filler.id('client', 1 + (n - {partner_contacts} - 1) / {client_contacts_each}) end,
  name, lower(name), 'Manager', 'contact' || n || '@example.com', '+1 555 ' || n,
  case when n % 3 = 0 then '["EMERGENCY", "SUPPORT"]' else '["SUPPORT"]' end::jsonb, {begin}, {begin}
from (select n, filler.person(n) as name from generate_series(1, {contacts}) n offset 0) x;

-- ── partnerships: {partnerships_each} of each partner, with the offers that began them ──

insert into partnership (id, kind, partner_id, client_id, offer_id, status, expires_at, partner_key, client_key, title, region,
  starts_on, version, started_at, changed_at, ended_at, hidden_by_partner, hidden_by_client, created_at)
select filler.id('partnership', n), 'DIRECT', filler.id('partner', p), filler.id('client', c), filler.id('offer', n), status,
  case when status = 'OFFERED' then {later} end, lower(filler.company(p, 'Agency')), lower(filler.company(c, 'Foods')),
  'Shop care ' || n, 'Europe', date '2026-01-01', 1, case when status in ('ACTIVE', 'ENDED') then {begin} end,
  {begin} + n * interval '1 second', case when status = 'ENDED' then {begin} end, false, false, {begin}
from (
  select n, 1 + (n - 1) / {partnerships_each} as p, filler.client_of(1 + (n - 1) / {partnerships_each}, n % {partnerships_each}) as c,
    filler.partnership_status(n) as status
  from generate_series(1, {partnerships}) n offset 0
) x;

insert into proposal (id, kind, status, version, message, proposed_by_id, proposed_by_side, from_partner_id, to_client_id,
  proposed_at, expires_at, decided_by_id, decided_at, partnership_id, reminders, created_at)
select filler.id('offer', n), 'PARTNERSHIP_OFFER', case status when 'OFFERED' then 'PENDING' when 'DECLINED' then 'DECLINED' else
  'ACCEPTED' end, 1, 'Let us work together.', filler.id('user', (p - 1) * {members_each} + 1), 'PARTNER',
  filler.id('partner', p), filler.id('client', c), {begin}, {later},
  case when status <> 'OFFERED' then filler.id('user', {members} + 2 * (c - 1) + 1) end,
  case when status <> 'OFFERED' then {begin} end, filler.id('partnership', n), 2, {begin}
from (
  select n, 1 + (n - 1) / {partnerships_each} as p, filler.client_of(1 + (n - 1) / {partnerships_each}, n % {partnerships_each}) as c,
    filler.partnership_status(n) as status
  from generate_series(1, {partnerships}) n offset 0
) x;

insert into proposal_item (id, proposal_id, kind, account_id)
select filler.id('item', n), filler.id('offer', n), 'ADD_ACCOUNT',
  filler.id('account', 2 * filler.client_of(1 + (n - 1) / {partnerships_each}, n % {partnerships_each}))
from generate_series(1, {partnerships}) n
where filler.partnership_status(n) = 'OFFERED';

-- Invites into partners (every fifth waits for its answer), then into accounts.
insert into proposal (id, kind, invite_kind, status, version, proposed_by_id, proposed_by_side, from_partner_id, partner_id,
  proposed_at, expires_at, email, name, reminders, created_at)
select filler.id('invite', n), 'INVITE', 'PARTNER_MEMBER', case when n % 5 = 0 then 'PENDING' else 'DECLINED' end, 1,
  filler.id('user', (p - 1) * {members_each} + 1), 'PARTNER', filler.id('partner', p), filler.id('partner', p), {begin},
  {later}, 'new' || n || '@agency' || p || '.example', filler.person(n), 2, {begin}
from (select n, 1 + (n - 1) / 5 as p from generate_series(1, 5 * {partners}) n) x;

insert into proposal (id, kind, invite_kind, status, version, proposed_by_id, proposed_by_side, from_client_id, account_id, role,
  proposed_at, expires_at, email, name, reminders, created_at)
select filler.id('invite', 5 * {partners} + n), 'INVITE', 'STAFF', case when n % 3 = 0 then 'PENDING' else 'WITHDRAWN' end, 1,
  filler.id('user', {members} + 2 * ((n - 1) / 6) + 1), 'CLIENT', filler.id('client', 1 + (n - 1) / 6),
  filler.id('account', 1 + (n - 1) / 3), 'STAFF', {begin}, {later}, 'new' || n || '@foods.example', filler.person(n), 2, {begin}
from generate_series(1, 6 * {clients}) n;

-- Twelve contacts in each partnership of the first partners, one in the others': two of three are the partner's own.
insert into assigned_contact (id, partnership_id, contact_id, side, proposal_id, assigned_at)
select filler.id('assigned', 12 * n + l), filler.id('partnership', n),
  case when l % 3 > 0 then filler.id('contact', (p - 1) * {partner_contacts_each} + 1 + (n + l) % {partner_contacts_each})
    else filler.id('contact', {partner_contacts} + (c - 1) * {client_contacts_each} + l / 3) end,
  case when l % 3 > 0 then 'PARTNER' else 'CLIENT' end, filler.id('offer', n), case when status <> 'OFFERED' then {begin} end
from (
  select n, 1 + (n - 1) / {partnerships_each} as p, filler.client_of(1 + (n - 1) / {partnerships_each}, n % {partnerships_each}) as c,
    filler.partnership_status(n) as status
  from generate_series(1, {partnerships}) n offset 0
) x, lateral generate_series(1, case when p <= {lively_partners} then 12 else 1 end) l;

-- ── what the lively partners and their clients change: of each active partnership eight modifications, the partner's and the
-- client's in turn. The first two are drafts; of the next two the partner's waits for its answer in every fifth, the client's in
-- every third; the others were accepted. ──

insert into proposal (id, kind, status, version, message, proposed_by_id, proposed_by_side, from_partner_id, to_client_id,
  from_client_id, to_partner_id, proposed_at, expires_at, decided_by_id, decided_at, partnership_id, reminders, created_at)
select filler.id('modification', 8 * n + m), 'MODIFICATION', status, 2, case when status <> 'DRAFT' then 'The season changes.' end,
  case when m % 2 = 1 then partner_user else client_user end, case when m % 2 = 1 then 'PARTNER' else 'CLIENT' end,
  case when m % 2 = 1 then partner end, case when m % 2 = 1 then client end,
  case when m % 2 = 0 then client end, case when m % 2 = 0 then partner end,
  case when status <> 'DRAFT' then {begin} end, case when status <> 'DRAFT' then {later} end,
  case when status = 'ACCEPTED' then case when m % 2 = 1 then client_user else partner_user end end,
  case when status = 'ACCEPTED' then {begin} end, filler.id('partnership', n), 2, {begin}
from (
  select n, m, filler.modification_status(n, m) as status, filler.id('partner', p) as partner, filler.id('client', c) as client,
    filler.id('user', (p - 1) * {members_each} + 1) as partner_user, filler.id('user', {members} + 2 * (c - 1) + 1) as client_user
  from filler.modified() x
) x;

-- Each open one lends a contact, releases another and changes a term; the accepted ones changed a term.
insert into proposal_item (id, proposal_id, kind, contact_id, field, before, after, accepted)
select filler.id('item', {partnerships} + 24 * n + 3 * m + k), filler.id('modification', 8 * n + m),
  (array['ADD_CONTACT', 'RELEASE_CONTACT', 'CHANGE_TERMS'])[k],
  case k when 1 then filler.lent_by(n, p, c, m) when 2 then filler.id('contact', (p - 1) * {partner_contacts_each} + 1 +
    (n + 1) % {partner_contacts_each}) end,
  case k when 3 then 'title' end, case k when 3 then 'Shop care' end, case k when 3 then 'Shop care ' || m end,
  case when m > 4 then true end
from filler.modified() x, lateral generate_series(case when m > 4 then 3 else 1 end, 3) k;

insert into assigned_contact (id, partnership_id, contact_id, side, proposal_id, released_at)
select filler.id('assigned', 12 * ({partnerships} + 2) + 4 * n + m), filler.id('partnership', n), filler.lent_by(n, p, c, m),
  case when m % 2 = 1 then 'PARTNER' else 'CLIENT' end, filler.id('modification', 8 * n + m),
  case when filler.modification_status(n, m) = 'DECLINED' then {begin} end
from filler.modified() x
where m <= 4;

-- Two people of each side manage a lively partnership.
insert into partnership_manager (id, partnership_id, contact_id, side, added_at)
select filler.id('manager', 4 * n + k), filler.id('partnership', n),
  case when k <= 2 then filler.id('contact', (p - 1) * {partner_contacts_each} + k)
    else filler.id('contact', {partner_contacts} + (c - 1) * {client_contacts_each} + k) end,
  case when k <= 2 then 'PARTNER' else 'CLIENT' end, {begin}
from (select distinct n, p, c from filler.modified() x) x, generate_series(1, 4) k;

-- The first partners are connected. Of ten that are one has been shut out; of the others every third was never opened, and every fifth has expired.
insert into access_grant (id, partnership_id, partner_id, account_id, status, version, is_earliest, connected_at, enabled_at,
  last_opened_at, expires_at, account_key, used_at, until_at)
select filler.id('grant', n), filler.id('partnership', n), filler.id('partner', p), filler.id('account', 2 * c),
  case when n % 10 = 3 then 'DISABLED' else 'ENABLED' end, 1, false, {begin}, {begin},
  case when n % 3 > 0 then {begin} + n * interval '1 second' end,
  case when n % 10 = 3 then null when n % 5 = 1 then {begin} + n * interval '1 second' else {later} end,
  lower(filler.company(2 * c, 'Shop')), {begin} + case when n % 3 > 0 then n else 0 end * interval '1 second',
  case when n % 10 = 3 then timestamptz '9999-12-31 00:00Z' when n % 5 = 1 then {begin} + n * interval '1 second' else {later} end
from (
  select n, 1 + (n - 1) / {partnerships_each} as p, filler.client_of(1 + (n - 1) / {partnerships_each}, n % {partnerships_each}) as c
  from generate_series(1, {partnerships}) n offset 0
) x
where filler.partnership_status(n) = 'ACTIVE' and p <= {connected_partners};

-- ── the log: one for every tenth contact, then several of each lively partnership and one of the others ──

insert into event (id, pos, stream, version, topic, subject, changes, visible_to, partner_id, client_id, salt, commitment, digest, at)
select filler.id('event', n), n, filler.id('contact', n), 1, 'contact.created',
  filler.id('contact', n), '[]', 'BOTH',
  case when n <= {partner_contacts} then filler.id('partner', 1 + (n - 1) / {partner_contacts_each}) end,
  case when n > {partner_contacts} then filler.id('client', 1 + (n - {partner_contacts} - 1) / {client_contacts_each}) end,
  hash, repeat(hash, 2), repeat(hash, 2), {begin}
from (select n, md5(n::text) as hash from generate_series(10, {contacts}, 10) n offset 0) x;

insert into event (id, pos, stream, version, topic, subject, actor_id, side, changes, visible_to, partnership_id, proposal_id,
  partner_id, client_id, salt, commitment, digest, at)
select filler.id('event', {contacts} + 100 * n + v), {contacts} + 100 * n + v, filler.id('partnership', n), v,
  case when v = 1 then 'partnership.offered' else 'partnership.reminded' end, filler.id('offer', n),
  filler.id('user', (p - 1) * {members_each} + 1), 'PARTNER', '[]', 'BOTH', filler.id('partnership', n), filler.id('offer', n),
  filler.id('partner', p), filler.id('client', c), salt, (array(select repeat(md5(w::text), 2) from generate_series(1, {events_each}) w))[v], digest, {begin}
from (
  select n, 1 + (n - 1) / {partnerships_each} as p, filler.client_of(1 + (n - 1) / {partnerships_each}, n % {partnerships_each}) as c,
    salt, repeat(salt, 2) as digest
  from (select n, md5(n::text) as salt from generate_series(1, {partnerships}) n offset 0) x offset 0
) x, lateral generate_series(1, case when p <= {lively_partners} then {events_each} else 1 end) v;

-- ── notices: every event of a partnership asks its client's owner, and of the lively ones every fourth tells the partner's first
-- two people. Of three, two were read. Every third user has turned off a topic's mails. ──

insert into notice (id, seat_id, event_id, pos, urgency, proposal_id, read_at, reminders, created_at)
select filler.id('notice', 3 * (100 * n + v) + k),
  filler.id('seat', case k when 0 then {members} + 2 * c - 1 else (p - 1) * {members_each} + k end),
  filler.id('event', {contacts} + 100 * n + v), {contacts} + 100 * n + v, case k when 0 then 'ACTION' else 'INFO' end,
  filler.id('offer', n), case when (n + v) % 3 > 0 then {begin} end, 0, {begin}
from (
  select n, 1 + (n - 1) / {partnerships_each} as p, filler.client_of(1 + (n - 1) / {partnerships_each}, n % {partnerships_each}) as c
  from generate_series(1, {partnerships}) n offset 0
) x, lateral generate_series(1, case when p <= {lively_partners} then {events_each} else 1 end) v,
  lateral generate_series(0, case when p <= {lively_partners} and v % 4 = 0 then 2 else 0 end) k;

insert into notice_preference (id, seat_id, topic, portal, email)
select filler.id('preference', n), filler.id('seat', n), 'partnership.company_updated', true, false
from generate_series(1, {users}, 3) n;

-- ── webhooks: an endpoint of every company and three of the vendor's; those of the lively partners have heard of their
-- partnerships. Of a hundred deliveries one has failed, and one waits. ──

insert into webhook_endpoint (id, partner_id, client_id, url, topics, status, secret, secret_hint, created_at)
select filler.id('endpoint', n), case when n <= {partners} then filler.id('partner', n) end,
  case when n between {partners} + 1 and {partners} + {clients} then filler.id('client', n - {partners}) end,
  'https://hooks.company' || n || '.example/in', '[]', 'ACTIVE', '', '…abc=', {begin}
from generate_series(1, {partners} + {clients} + 3) n;

insert into webhook_delivery (id, endpoint_id, event_id, status, attempts, tries, next_attempt_at, created_at)
select filler.id('delivery', 100 * n + v), filler.id('endpoint', 1 + (n - 1) / {partnerships_each}),
  filler.id('event', {contacts} + 100 * n + v),
  case (100 * n + v) % 103 when 0 then 'FAILED' when 1 then 'PENDING' else 'DELIVERED' end,
  '[{{"at": "2026-11-21T20:46:00.000000Z", "response_status": 204, "response_body": "", "error": null, "milliseconds": 12}}]',
  1, case when (100 * n + v) % 103 = 1 then {later} end, {begin}
from generate_series(1, {lively_partners} * {partnerships_each}) n, generate_series(1, {events_each}) v;

-- ── projects: {projects_each} of each account. The first of an account has people at work: a long conversation and two short ones,
-- items, files, widgets, ratings, approvals and a log; of the others each has an item. ──

insert into project (id, account_id, name, name_key, status, starts_on, due_on, messages, items, items_done, created_at)
select filler.id('project', n), filler.id('account', 1 + (n - 1) / {projects_each}), name, lower(name), (array['PLANNED', 'ACTIVE', 'ON_HOLD', 'DONE'])[1 + n % 4], date '2026-02-01',
  date '2026-03-01' + (n % 90)::int, case when n % {projects_each} = 1 then 25 else 3 end,
  case when n % {projects_each} = 1 then 6 else 1 end, case when n % {projects_each} = 1 then 3 else 0 end, {begin}
from (select n, filler.company(n, 'Works') as name from generate_series(1, 2 * {clients} * {projects_each}) n offset 0) x;

insert into conversation (id, project_id, title, last_seq, created_at)
select filler.id('conversation', 3 * (a - 1) + k), filler.id('project', (a - 1) * {projects_each} + 1), 'About ' || k,
  case k when 1 then 25 else 0 end, {begin}
from generate_series(1, 2 * {clients}) a, generate_series(1, 3) k;

insert into message (id, conversation_id, project_id, seq, author_id, body, sent_at)
select filler.id('message', 25 * (a - 1) + v), filler.id('conversation', 3 * (a - 1) + 1),
  filler.id('project', (a - 1) * {projects_each} + 1), v,
  case when v % 2 = 1 then filler.owner_of(a) else filler.id('user', {vendor}) end, 'What about the ' || v || '?',
  {begin} + v * interval '1 second'
from generate_series(1, 2 * {clients}) a, generate_series(1, 25) v;

insert into conversation_reading (id, conversation_id, user_id, read_seq)
select filler.id('reading', a), filler.id('conversation', 3 * (a - 1) + 1), filler.owner_of(a), 10
from generate_series(1, 2 * {clients}) a;

insert into action_item (id, project_id, title, assignee_id, due_on, status, completed_by_id, completed_at, created_at)
select filler.id('actionitem', 6 * (n - 1) + k), filler.id('project', n), 'Send the ' || k,
  case when k % 3 > 0 then filler.owner_of(1 + (n - 1) / {projects_each}) end, date '2026-03-01',
  case when k % 2 = 0 then 'DONE' else 'OPEN' end,
  case when k % 2 = 0 then filler.owner_of(1 + (n - 1) / {projects_each}) end, case when k % 2 = 0 then {begin} end, {begin}
from generate_series(1, 2 * {clients} * {projects_each}) n,
  lateral generate_series(1, case when n % {projects_each} = 1 then 6 else 1 end) k;

insert into project_file (id, project_id, name, status, content_type, size, digest, uploaded_by_id, uploaded_at)
select filler.id('file', 4 * (a - 1) + k), filler.id('project', (a - 1) * {projects_each} + 1), 'plan ' || k || '.pdf', 'READY',
  'application/pdf', 1000 * k, repeat(md5(a::text), 2), filler.owner_of(a), {begin}
from generate_series(1, 2 * {clients}) a, generate_series(1, 4) k;

insert into widget (id, project_id, title, url, added_at)
select filler.id('widget', 2 * (a - 1) + k), filler.id('project', (a - 1) * {projects_each} + 1), 'Widget ' || k,
  'https://widgets.example/' || k, {begin}
from generate_series(1, 2 * {clients}) a, generate_series(1, 2) k;

insert into rating (id, project_id, requested_from_id, score, requested_at, given_at)
select filler.id('rating', 3 * (a - 1) + k), filler.id('project', (a - 1) * {projects_each} + 1), filler.owner_of(a),
  case when k < 3 then 3 + k end, {begin}, case when k < 3 then {begin} end
from generate_series(1, 2 * {clients}) a, generate_series(1, 3) k;

insert into proposal (id, kind, status, version, title, proposed_by_id, proposed_by_side, proposed_at, expires_at, decided_by_id,
  decided_at, project_id, account_id, approver_id, reminders, created_at)
select filler.id('approval', 3 * (a - 1) + k), 'PROJECT_APPROVAL', case k when 1 then 'PENDING' else 'ACCEPTED' end, 1,
  'The plan ' || k, filler.id('user', {vendor}), 'VENDOR', {begin}, {later}, case when k > 1 then filler.owner_of(a) end,
  case when k > 1 then {begin} end, filler.id('project', (a - 1) * {projects_each} + 1), filler.id('account', a),
  filler.owner_of(a), 2, {begin}
from generate_series(1, 2 * {clients}) a, generate_series(1, 3) k;

-- Who takes part is counted for; an owner has read some of what was written.
insert into project_tally (id, project_id, account_id, user_id, open_action_items, pending_ratings, messages_read)
select filler.id('tally', a), filler.id('project', (a - 1) * {projects_each} + 1), filler.id('account', a), filler.owner_of(a),
  2, 1, 10
from generate_series(1, 2 * {clients}) a;

-- Between those of partnerships, of which there are more than accounts.
insert into event (id, pos, stream, version, topic, subject, actor_id, side, changes, visible_to, project_id, client_id, salt,
  commitment, digest, at)
select filler.id('event', {contacts} + 100 * a * ({partnerships} / {clients} / 2) + 50 + v),
  {contacts} + 100 * a * ({partnerships} / {clients} / 2) + 50 + v, filler.id('project', (a - 1) * {projects_each} + 1), v, 'message.posted', filler.id('message', 25 * (a - 1) + v),
  filler.owner_of(a), 'CLIENT', '[]', 'BOTH', filler.id('project', (a - 1) * {projects_each} + 1),
  filler.id('client', 1 + (a - 1) / 2), md5(v::text), repeat(md5(v::text), 2), repeat(md5(a::text), 2), {begin}
from generate_series(1, 2 * {clients}) a, generate_series(1, 5) v;

-- ── client partners in all projects of the first accounts of {engagements_each} clients. Of each its admin is on all, each other person
-- on all but one; something waits for two of three. Of each account one thing is to be approved by somebody of it. ──

insert into partnership (id, kind, partner_id, client_id, status, partner_key, client_key, title, version, started_at, changed_at,
  hidden_by_partner, hidden_by_client, created_at)
select filler.id('partnership', {partnerships} + i), 'INTERMEDIARY', filler.id('partner', {partners} + b), filler.id('client', c),
  'ACTIVE', lower(filler.company(b, 'Brokers')), lower(filler.company(c, 'Foods')), 'Client partner', 1, {begin},
  {begin} + i * interval '1 second', false, false, {begin}
from filler.engaged();

insert into project_partner (id, project_id, account_id, partner_id, partnership_id, added_at)
select filler.id('engagement', {projects_each} * (i - 1) + j), filler.id('project', (a - 1) * {projects_each} + j),
  filler.id('account', a), filler.id('partner', {partners} + b), filler.id('partnership', {partnerships} + i), {begin}
from filler.engaged(), generate_series(1, {projects_each}) j;

insert into project_member (id, project_id, account_id, partner_id, user_id, is_assigned, added_at)
select filler.id('projectmember', {broker_people_each} * ({projects_each} * (i - 1) + j - 1) + e),
  filler.id('project', (a - 1) * {projects_each} + j), filler.id('account', a), filler.id('partner', {partners} + b),
  filler.person_of(b, e), e > 1, {begin} + i * interval '1 second'
from filler.engaged(), generate_series(1, {projects_each}) j, generate_series(1, {broker_people_each}) e
where e = 1 or e <> j;

insert into project_tally (id, project_id, account_id, user_id, open_action_items, pending_ratings, messages_read)
select filler.id('tally', 2 * {clients} + {broker_people_each} * ({projects_each} * (i - 1) + j - 1) + e),
  filler.id('project', (a - 1) * {projects_each} + j), filler.id('account', a), filler.person_of(b, e), (i + j) % 3, (i + e) % 2, j % 3
from filler.engaged(), generate_series(1, {projects_each}) j, generate_series(1, {broker_people_each}) e
where (e = 1 or e <> j) and (i + j + e) % 3 > 0;

insert into proposal (id, kind, status, version, title, proposed_by_id, proposed_by_side, proposed_at, expires_at, project_id,
  account_id, approver_id, reminders, created_at)
select filler.id('approval', 6 * {clients} + i), 'PROJECT_APPROVAL', 'PENDING', 1, 'The draft ' || i, filler.id('user', {vendor}),
  'VENDOR', {begin}, {later}, filler.id('project', (a - 1) * {projects_each} + 8), filler.id('account', a),
  filler.person_of(b, 1 + i % {broker_people_each}), 2, {begin}
from filler.engaged();
