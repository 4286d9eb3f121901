/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

static const char usage[] =
    "Usage: charon-lite [OPTION]...\n"
    "IKEv2 daemon: keeps the tunnels of its configuration up. Stays in the foreground; control it with charonctl.\n"
    "\n"
    "  -c, --config FILE|DIR  configuration; may be repeated; of a directory its *.yaml files, sorted\n"
    "                         (default: " SYSCONFDIR "/charon-lite/conf.d)\n"
    "  -s, --socket PATH      control socket (default: as configured)\n"
    "      --state DIR        what is to outlive a restart (default: " LOCALSTATEDIR "/lib/charon-lite)\n"
    "  -d, --debug            log everything, whatever the configuration says\n"
    "      --check            check the configuration and exit: 0 = good\n"
    "      --dry-run          touch no kernel state: print what would be done to it\n"
    "      --one-uid          separate processes, but all of the present user (tests without root)\n"
    "      --one-process      no separate processes at all (debuggers, sanitizers)\n"
#ifdef SANITIZED
    "      --sandbox=off      no system call filter: LeakSanitizer wants ptrace\n"
#endif
#ifdef KEYLOG
    "      --keylog FILE      append the keys of IKE SAs to a file, for wire-dump\n"
#endif
    "  -h, --help             this text\n"
    "  -V, --version          the version\n";

enum { OPTION_CHECK = 256, OPTION_DRY, OPTION_ONE_UID, OPTION_ONE_PROCESS, OPTION_KEYLOG, OPTION_SANDBOX, OPTION_STATE };
static const struct option longs[] = {
    {"config", required_argument, NULL, 'c'},
    {"socket", required_argument, NULL, 's'},
    {"state", required_argument, NULL, OPTION_STATE},
    {"debug", no_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"dry-run", no_argument, NULL, OPTION_DRY},
    {"one-uid", no_argument, NULL, OPTION_ONE_UID},
    {"one-process", no_argument, NULL, OPTION_ONE_PROCESS},
#ifdef SANITIZED
    {"sandbox", required_argument, NULL, OPTION_SANDBOX},
#endif
#ifdef KEYLOG
    {"keylog", required_argument, NULL, OPTION_KEYLOG},
#endif
    {NULL, 0, NULL, 0},
};

static int option_take(struct options *o, int c)
{
    switch (c) {
    case 'c':
        if (o->n_paths == OPTIONS_PATHS_MAX) {
            fprintf(stderr, "charon-lite: more than %d times --config: name a directory instead\n", OPTIONS_PATHS_MAX);
            return 2;
        }
        o->paths[o->n_paths++] = optarg;
        return -1;
    case 's':
        o->control = optarg;
        return -1;
    case OPTION_STATE:
        o->state = optarg;
        return -1;
    case OPTION_SANDBOX:
        o->sandbox_off = !strcmp(optarg, "off");
        return -1;
    case OPTION_KEYLOG:
        o->keylog = optarg;
        return -1;
    case 'h':
        fputs(usage, stdout);
        return 0;
    case 'V':
        puts("charon-lite " PACKAGE_VERSION);
        return 0;
    default:
        fputs("Try 'charon-lite --help'.\n", stderr);
        return 2;
    }
}

int options_read(int argc, char **argv, struct options *o)
{
    int c, status = -1;

    *o = (struct options){.state = LOCALSTATEDIR "/lib/charon-lite"};
    while (status < 0 && (c = getopt_long(argc, argv, "c:s:dhV", longs, NULL)) != -1) {
        bool *flag = c == 'd'                  ? &o->debug
                     : c == OPTION_CHECK       ? &o->check
                     : c == OPTION_DRY         ? &o->dry_run
                     : c == OPTION_ONE_UID     ? &o->one_uid
                     : c == OPTION_ONE_PROCESS ? &o->one_process
                                               : NULL;

        if (flag)
            *flag = true;
        else
            status = option_take(o, c);
    }
    if (status < 0 && optind < argc) {
        fprintf(stderr, "charon-lite: what is \"%s\"? A configuration is named with -c.\nTry 'charon-lite --help'.\n",
                argv[optind]);
        status = 2;
    }
    if (!o->n_paths)
        o->paths[o->n_paths++] = SYSCONFDIR "/charon-lite/conf.d";
    return status;
}
