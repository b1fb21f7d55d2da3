"""Gives the program millions of hostile inputs. It must not crash, and must account for each input.

The inputs are valid inputs with random changes. Each kind runs in a process of its own, so that the script notices a crash of
native code, and ends and reports a hang. The script prints the seed: the seed and the name of a kind reproduce a failure.
"""

import argparse
import faulthandler
import os
import random
import secrets
import sys
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import hostile_calls as of_calls
import hostile_files as of_files
import hostile_texts as of_texts

# for each kind: the attack, its share of a thousand inputs, the number of inputs made at a time
KINDS = {
    'lines': (of_calls.lines, 650, 5_000),
    'bodies': (of_calls.bodies, 260, 1_000),
    'agents': (of_texts.agents, 50, 1_000),
    'requests': (of_calls.requests, 10, 1),
    'spools': (of_files.spools, 5, 1),
    'places': (of_files.places, 5, 1),
    'packed_logs': (of_files.packed_logs, 5, 1),
    'settings': (of_texts.settings, 5, 1),
    'api_keys': (of_texts.api_keys, 5, 1),
    'texts': (of_texts.texts, 5, 1),
}
PATIENCE = 20  # seconds until a group of inputs made at a time counts as a hang


def attack(kind: str, inputs: int, seed: str) -> tuple[Counter[str], str]:
    """Attacks with inputs of one kind. Returns the number of each outcome, and the fault, or '' if there was none."""
    outcomes = Counter[str]()
    begin, _, together = KINDS[kind]
    try:
        with tempfile.TemporaryDirectory() as folder, begin(random.Random(f'{seed} {kind}'), Path(folder)) as make:
            while outcomes.total() < inputs:
                faulthandler.dump_traceback_later(PATIENCE, exit=True)
                outcomes += make(min(together, inputs - outcomes.total()))
            faulthandler.cancel_dump_traceback_later()
    except BaseException:  # a panic of native code is not an Exception
        return outcomes, traceback.format_exc()
    return outcomes, ''


def main() -> None:
    """Prints a line for each kind. Exits with 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--inputs', type=int, default=100_000, help='how many, of all kinds together')
    parser.add_argument('--seed', default=secrets.token_hex(4), help='from which all inputs follow')
    parser.add_argument('--only', choices=KINDS, help='a single kind: then all inputs are of it')
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith('USAGE_')]:
        del os.environ[name]
    print(f'seed {options.seed}', flush=True)
    met, faults = 0, 0
    for kind, (_, share, _) in KINDS.items():
        if options.only in (None, kind):
            inputs = options.inputs if options.only else max(1, options.inputs * share // 1_000)
            start = time.perf_counter()
            try:
                with ProcessPoolExecutor(1, get_context('spawn')) as process:
                    outcomes, fault = process.submit(attack, kind, inputs, options.seed).result()
            except BrokenProcessPool:
                outcomes, fault = Counter(), 'the process ended: native code crashed, or an input hung'
            met += outcomes.total()
            faults += bool(fault)
            told = ', '.join(f'{name} {number:,}' for name, number in outcomes.most_common())
            print(f'{kind}: {outcomes.total():,} inputs in {time.perf_counter() - start:.0f} s: {told}', flush=True)
            if fault:
                print(f'FAULT in {kind}, seed {options.seed}:\n{fault}', flush=True)
    print(f'{met:,} inputs, {faults} faults')
    sys.exit(1 if faults else 0)


if __name__ == '__main__':
    main()
