"""Compares the instructions of PTX files with a list of those that are meant.

    check_instructions.py LIST TARGET FILE.ptx...

A line of LIST is an instruction with all its qualifiers, and the targets that it
is for if it is not for all: "NAME" or "NAME TARGET...". An instruction that is
not listed for TARGET is an error; so is one that is listed for it and not for
all, and that none of the files has."""
import re
import sys


def instructions(ptx):
    """The names in the body of the kernel, also in inline assembly."""
    ptx = re.sub(r"//.*", "", ptx[ptx.index(".entry"):])
    body = ptx[ptx.index("\n{") + 2:ptx.rindex("}")]
    found = set()
    # A label ends with one colon, two are a part of a name.
    for statement in re.split(r"[;{}\n]|(?<!:):(?!:)", body):
        unguarded = re.sub(r"^@!?%?\w+\s+", "", statement.strip())
        name = re.match(r"[a-z][\w.:]*(?=\s|$)", unguarded)
        if name:
            found.add(name.group())
    return found


def main():
    listed, own = set(), set()
    target = sys.argv[2]
    for line in open(sys.argv[1]):
        name, *targets = line.partition("#")[0].split() or [""]
        if name and (not targets or target in targets):
            listed.add(name)
            if targets:
                own.add(name)
    used, wrong = set(), []
    for path in sys.argv[3:]:
        with open(path) as file:
            found = instructions(file.read())
        wrong += [f"{path}: {name}: not listed for {target}"
                  for name in sorted(found - listed)]
        used |= found
    wrong += [f"{name}: listed for {target}, and no program has it"
              for name in sorted(own - used)]
    print("\n".join(wrong or [f"{target}: {len(used)} instructions"]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
