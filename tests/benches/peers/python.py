"""The Python caches of the table: cachecow 0.1.3, and simplekv's CacheDecorator on its RedisStore.

    python.py SOCKET ROUNDS

Started by the program beside it. Prints a JSON list, one object a cache, in the table's order: hits a second by 1, 32
and 256 threads, cold reads a second, batches a second (neither has any); fetches of 100 callers; the race.
"""

import json
import random
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import cachecow
import redis
import simplekv
from simplekv.cache import CacheDecorator
from simplekv.memory.redisstore import RedisStore

HITS = range(1_000, 2_000)
WINDOW = 0.2
CALLERS = 100
OPERATIONS, TASKS, ROWS, ONE_WRITE_IN = 50_000, 32, 200, 50


class Database:
    """Rows with a version each. A fetch takes `latency` seconds after the row was read, or waits for `held`."""

    def __init__(self):
        self.versions, self.lock = {}, threading.Lock()
        self.fetches, self.latency, self.held = 0, None, None

    def version(self, row_id):
        return self.versions.get(row_id, 1)

    def commit(self, row_id):
        with self.lock:
            self.versions[row_id] = self.version(row_id) + 1
            return self.versions[row_id]

    def fetch(self, row_id):
        with self.lock:
            self.fetches += 1
            held, self.held = self.held, None
        row = {
            'id': row_id,
            'version': self.version(row_id),
            'name': 'Augusta Ada King',
            'email': f'user{row_id:08}@example.com',
            'company': 'Analytical Engines of Lovelace',
            'active': True,
            'logins': 70_000,
        }
        if held:
            arrived, opened = held
            arrived.set()
            opened.wait()
        elif self.latency is not None:
            time.sleep(self.latency)
        return row


class Cow(cachecow.CacheCow):
    """Rows by id, as JSON."""

    def __init__(self, client, database):
        super().__init__(client)
        self.database = database

    def get_keys(self, cls, id_field, id_val):
        return f'cache:{id_val}', f'flag:{id_val}'

    def fetch(self, cls, id_field, id_val):
        return self.database.fetch(id_val)

    def serialize(self, obj):
        return json.dumps(obj)

    def deserialize(self, cls, cached_data):
        return json.loads(cached_data)

    def verify(self, cls, id_field, id_val, obj_from_cache):
        return obj_from_cache[id_field] == id_val


class ByCow:
    name = 'cachecow 0.1.3 (PyPI)'

    def __init__(self, client, database):
        self.database, self.cow = database, Cow(client, database)

    def read(self, row_id):
        return self.cow.get(dict, 'id', row_id)['version']

    def write(self, row_id):
        version = self.database.commit(row_id)
        self.cow.invalidate(dict, 'id', row_id)
        return version


class Table(simplekv.KeyValueStore):
    """The database as a store."""

    def __init__(self, database):
        self.database = database

    def _get(self, key):
        return json.dumps(self.database.fetch(int(key))).encode()

    def get(self, key):
        return self._get(key)

    def _put(self, key, data):
        self.database.commit(int(key))
        return key


class BySimplekv:
    name = 'simplekv 0.14.1, CacheDecorator on RedisStore'

    def __init__(self, client, database):
        self.database, self.store = database, CacheDecorator(RedisStore(client), Table(database))

    def read(self, row_id):
        return json.loads(self.store.get(str(row_id)))['version']

    def write(self, row_id):
        # Writers of one row take turns, so that the version is this write's.
        self.store.put(str(row_id), b'changed')
        return self.database.version(row_id)


def threads(count, work):
    """Runs `work` in so many threads at once; what fails in one of them fails here."""
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))


def hits(cache, count):
    """Hits a second by so many threads."""
    end, counts = time.perf_counter() + WINDOW, [0] * count

    def work(at):
        step = at * 13
        while time.perf_counter() < end:
            assert cache.read(HITS[step % len(HITS)]) == 1
            step += 7
            counts[at] += 1

    began = time.perf_counter()
    threads(count, work)
    return sum(counts) / (time.perf_counter() - began)


def cold(cache, first):
    began = time.perf_counter()
    for row_id in range(first, first + 300):
        cache.read(row_id)
    return 300 / (time.perf_counter() - began)


def stampede(cache):
    cache.database.latency, before = 0.05, cache.database.fetches
    threads(CALLERS, lambda _: cache.read(500))
    cache.database.latency = None
    return cache.database.fetches - before


def stale_after_race(cache):
    """The forced order of the example `race`."""
    arrived, opened = threading.Event(), threading.Event()
    cache.database.held = (arrived, opened)
    reader = threading.Thread(target=cache.read, args=(0,))
    reader.start()
    arrived.wait()
    committed = cache.write(0)
    opened.set()
    reader.join()
    return cache.read(0) < committed


def stale_per_million(cache):
    """The free-running version of the example `race`."""
    promised, locks = [1] * (ROWS + 1), [threading.Lock() for _ in range(ROWS + 1)]
    counts = [(0, 0)] * TASKS
    cache.database.latency = 0.0005

    def work(at):
        choice, reads, stale = random.Random(at), 0, 0
        for _ in range(OPERATIONS // TASKS):
            row_id = choice.randint(1, ROWS)
            if choice.randrange(ONE_WRITE_IN) == 0:
                with locks[row_id]:
                    promised[row_id] = cache.write(row_id)
            else:
                least = promised[row_id]
                reads += 1
                stale += cache.read(row_id) < least
        counts[at] = (reads, stale)

    threads(TASKS, work)
    cache.database.latency = None
    reads, stale = map(sum, zip(*counts))
    return stale * 1_000_000 // reads


def main():
    socket, rounds = sys.argv[1], int(sys.argv[2])
    # The caches have no names of their own for their keys: each has a database of the server.
    kinds = (ByCow, BySimplekv)
    caches = [
        kind(redis.Redis(unix_socket_path=socket, db=number, max_connections=1_000), Database())
        for number, kind in enumerate(kinds, start=1)
    ]
    rates = {cache: [[], [], [], []] for cache in caches}
    for cache in caches:
        for row_id in HITS:
            cache.read(row_id)
    for round_number in range(rounds + 1):
        for cache in caches:
            figures = [hits(cache, count) for count in (1, 32, 256)]
            figures.append(cold(cache, 10_000 + 300 * round_number))
            # The first round warms up.
            if round_number > 0:
                for column, figure in zip(rates[cache], figures):
                    column.append(figure)
    lines = [
        {
            'name': cache.name,
            'speeds': [statistics.median(column) for column in rates[cache]] + [None],
            'fetches': stampede(cache),
            'stale_per_million': stale_per_million(cache),
            'stale_after_race': stale_after_race(cache),
        }
        for cache in caches
    ]
    json.dump(lines, sys.stdout)


main()
