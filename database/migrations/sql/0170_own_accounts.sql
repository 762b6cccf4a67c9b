-- What a person keeps of their own account: sessions by device, recovery codes, passkeys, and news of changes to it.

ALTER TABLE account ADD COLUMN version integer NOT NULL DEFAULT 1; -- of name, role, area and state

ALTER TABLE session
    ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN device text NOT NULL DEFAULT '',  -- coarse: 'chrome windows'; '': not told
    ADD COLUMN confirmed_at timestamptz;         -- when its person last proved who they are; NULL: not known
CREATE UNIQUE INDEX session_number ON session (number);

-- A secret that an app was shown and has not answered for yet.
CREATE TABLE second_factor_offer (
    account_id integer PRIMARY KEY REFERENCES account ON DELETE CASCADE,
    secret     text NOT NULL,
    at         timestamptz NOT NULL
);

-- In place of the second factor where the telephone is lost; each is good once.
CREATE TABLE recovery_code (
    account_id integer NOT NULL REFERENCES account ON DELETE CASCADE,
    salt       bytea NOT NULL,
    hash       bytea NOT NULL,                   -- sha256(salt || code), of 79 random bits
    used_at    timestamptz,
    PRIMARY KEY (account_id, hash)
);

CREATE TABLE passkey (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id    integer NOT NULL REFERENCES account ON DELETE CASCADE,
    credential    bytea NOT NULL UNIQUE,         -- the authenticator's own id of it
    public_key    bytea NOT NULL,                -- COSE
    sign_count    bigint NOT NULL,               -- an authenticator that counts never goes back
    name          text NOT NULL,
    created_at    timestamptz NOT NULL,
    last_used_at  timestamptz
);
CREATE INDEX passkey_account ON passkey (account_id);

-- What an authenticator has to sign: bound to one browser's session, or to its cookie before the login; good once.
CREATE TABLE passkey_challenge (
    browser    bytea PRIMARY KEY,                -- sha256 of the session's token, or of the cookie
    challenge  bytea NOT NULL,
    account_id integer REFERENCES account ON DELETE CASCADE, -- NULL: a login
    ends_at    timestamptz NOT NULL
);
CREATE INDEX passkey_challenge_ends ON passkey_challenge (ends_at);

-- Changes of an account's password and second factor, of which its person is told on their next page.
CREATE TABLE account_news (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL REFERENCES account ON DELETE CASCADE,
    at         timestamptz NOT NULL,
    kind       text NOT NULL,                    -- care_network.access.news.WORDS
    by_other   boolean NOT NULL,                 -- an administrator did it
    origin     text NOT NULL DEFAULT '',
    seen_at    timestamptz
);
CREATE INDEX account_news_unseen ON account_news (account_id) WHERE seen_at IS NULL;
CREATE INDEX account_news_account ON account_news (account_id, id);

-- When a place that a login has never come from first asked while others' wrong passwords made it wait: after a while it
-- is looked at, however many go on guessing.
CREATE TABLE login_knock (
    login  text NOT NULL,
    origin text NOT NULL,
    at     timestamptz NOT NULL,
    PRIMARY KEY (login, origin)
);
CREATE INDEX login_knock_at ON login_knock (at);
