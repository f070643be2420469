-- Run at each start. Several processes may start at once: one of them goes first.
SELECT pg_advisory_xact_lock(20612);

CREATE TABLE IF NOT EXISTS users (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- As `users::normalize_email` returns it.
    email text NOT NULL UNIQUE,
    name  text NOT NULL
);

CREATE TABLE IF NOT EXISTS posts (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author_id bigint NOT NULL REFERENCES users,
    title     text NOT NULL,
    body      text NOT NULL
);

CREATE INDEX IF NOT EXISTS posts_of_author ON posts (author_id, id DESC);
