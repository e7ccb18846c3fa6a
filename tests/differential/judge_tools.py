"""The judgement of programs that are called for each case.

judge_tools openssl|certtool CASES-FOLDER. Prints a line for each case: its name, and "accept",
"refuse", or "n/a" for a question that the program cannot be asked.
"""

import concurrent.futures
import ipaddress
import json
import os
import pathlib
import subprocess
import sys

from pki import CLIENT, EMAIL, SERVER

PURPOSES = {SERVER: "sslserver", CLIENT: "sslclient", EMAIL: "smimesign"}


def is_address(host):
    try:
        ipaddress.ip_address(host)
        return True
    except ValueError:
        return False


def openssl(case):
    """With the options that stand for what gio-ossl does: see docs/trust.md."""
    if case["purpose"] not in PURPOSES:
        return None
    place = pathlib.Path(case["folder"])
    command = ["openssl", "verify", "-partial_chain", "-trusted_first", "-auth_level", "2",
               "-policy_check", "-no-CApath", "-no-CAstore", "-CAfile", place / "anchors.pem",
               "-purpose", PURPOSES[case["purpose"]]]
    if (place / "hints.pem").stat().st_size:
        command += ["-untrusted", place / "hints.pem"]
    if case["crls"]:
        command += ["-crl_check_all", "-CRLfile", place / "crls.pem"]
    if case["host"]:
        option = "-verify_ip" if is_address(case["host"]) else "-verify_hostname"
        command += [option, case["host"]]
    return [*command, place / "leaf.pem"]


def certtool(case):
    place = pathlib.Path(case["folder"])
    command = ["certtool", "--verify", "--infile", place / "chain.pem",
               "--load-ca-certificate", place / "anchors.pem",
               "--verify-profile", "medium", "--verify-purpose", case["purpose"]]
    if case["crls"]:
        command += ["--load-crl", place / "crls.pem"]
    if case["host"]:
        command += ["--verify-hostname", case["host"]]
    return command


def judge(command):
    if command is None:
        return "n/a"
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    return "refuse" if done.returncode else "accept"


def main(tool, folder):
    cases = json.loads((pathlib.Path(folder) / "cases.json").read_text())
    commands = map({"openssl": openssl, "certtool": certtool}[tool], cases)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for case, verdict in zip(cases, pool.map(judge, commands)):
            print(case["name"], verdict, sep="\t")


main(sys.argv[1], sys.argv[2])
