def add_actions(actions):
    pass


def run(args):
    return 0
