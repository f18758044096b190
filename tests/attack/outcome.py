"""What an attack came to.  Only the first four are good news."""
REFUSED = "refused"
RECORDED = "recorded"              # it worked, and all of it is in the record
ENDED = "ended, recorded why"
HARMLESS = "own session only"      # slower or nicer, and still recorded
ENDED_BARE = "ended, no reason kept"
FAULT = "FAULT"                    # nothing gained, but the user's work breaks
SUCCEEDED = "SUCCEEDED"
NOT_APPLICABLE = "n.a."
BAD = (SUCCEEDED, FAULT, ENDED_BARE)


class Outcome:
    def __init__(self, word, note=""):
        self.word, self.note = word, note


def worst(outcomes):
    """One outcome for several tries: the worst, with its note."""
    order = [SUCCEEDED, FAULT, ENDED_BARE, ENDED, HARMLESS, RECORDED, REFUSED, NOT_APPLICABLE]
    return min(outcomes, key=lambda o: order.index(o.word))


class Attack:
    def __init__(self, title, function, slow):
        self.title, self.function, self.slow = title, function, slow


ATTACKS = []


def attack(title, slow=False):
    """Registers function(target) -> Outcome under its line of the table."""
    def register(function):
        ATTACKS.append(Attack(title, function, slow))
        return function
    return register
