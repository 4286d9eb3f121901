/* SPDX-License-Identifier: Apache-2.0 */
/* charonctl - talks to the daemon over its control socket; checks and prints configurations without one. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/files.h"

enum { EXIT_OK = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_DAEMON = 3, EXIT_TIMEOUT = 4 };

static const char usage[] =
    "Usage: charonctl [OPTION]... COMMAND [ARGUMENT]...\n"
    "\n"
    "Tunnels:\n"
    "  up NAME [CHILD]      bring a connection (or one child) up and wait until it is, or has failed\n"
    "  down [NAME [CHILD]]  close it; what it protects stays closed. Without a name: all\n"
    "  rekey NAME [CHILD]   new keys for a child, or for the IKE SA\n"
    "  list [NAME]          SAs, with their traffic\n"
    "  disable NAME         OPEN its selectors: packets pass unprotected until `enable`\n"
    "  enable NAME          protect them again\n"
    "\n"
    "Configuration:\n"
    "  check [FILE|DIR]...  check files; needs no daemon and no root\n"
    "  print [FILE|DIR]...  the effective configuration, defaults included; without a file, the daemon's\n"
    "  reload               read the files again; a mistake in them changes nothing\n"
    "  schema               JSON schema of the configuration\n"
    "  settings             every setting, explained\n"
    "\n"
    "Daemon:\n"
    "  status               what it is doing, in figures\n"
    "  counters             statistics\n"
    "  watch                what happens, line by line, until interrupted\n"
    "  stop                 close all SAs politely and end the daemon\n"
    "  help                 this text\n"
    "\n"
    "Options:\n"
    "  -s, --socket PATH    control socket (default: " RUNSTATEDIR "/charon-lite/control)\n"
    "  -j, --json           print the daemon's lines as they are: one JSON object a line\n"
    "  -n, --no-wait        up: do not wait until it is up\n"
    "  -t, --timeout SECS   give up waiting after so long (default: 120; watch: never)\n"
    "  -h, --help           this text\n"
    "\n"
    "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 no daemon, 4 timed out.\n";

struct call {
    const char *socket;
    bool json, no_wait;
    long timeout;
    int argc;
    char **argv; /* argv[0] is the command */
};

/* --- printing ------------------------------------------------------------------------------------------------------- */

static const char *member(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static const char *span_text(const json_t *o, const char *key, char out[32])
{
    const json_t *v = json_object_get(o, key);
    long long s = json_integer_value(v);

    if (!v)
        return "-";
    if (s < 120)
        snprintf(out, 32, "%llds", s);
    else if (s < 7200)
        snprintf(out, 32, "%lldm%02llds", s / 60, s % 60);
    else
        snprintf(out, 32, "%lldh%02lldm", s / 3600, s / 60 % 60);
    return out;
}

static const char *bytes_text(long long n, char out[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double v = (double)n;
    size_t u = 0;

    while (v >= 10240 && u + 1 < COUNT_OF(units)) {
        v /= 1024;
        u++;
    }
    snprintf(out, 32, "%.0f %s", v, units[u]);
    return out;
}

static void print_list(const json_t *list)
{
    const json_t *v;
    size_t i;

    json_array_foreach(list, i, v) printf("%s%s", i ? ", " : "", json_string_value(v));
}

static void print_ike(const json_t *o)
{
    char age[32], rekey[32];

    printf("%s: %s, %s...%s", member(o, "connection"), member(o, "state"), member(o, "local"), member(o, "remote"));
    if (*member(o, "local_id") || *member(o, "remote_id"))
        printf(" [%s]...[%s]", member(o, "local_id"), member(o, "remote_id"));
    if (json_is_true(json_object_get(o, "nat_local")) || json_is_true(json_object_get(o, "nat_remote")))
        printf(", NAT %s", json_is_true(json_object_get(o, "nat_local")) ? "here" : "there");
    printf("\n    IKE %s, %s, age %s, rekey in %s, %s_i %s_r\n", *member(o, "suite") ? member(o, "suite") : "(no keys yet)",
           member(o, "role"), span_text(o, "age_s", age), span_text(o, "rekey_in_s", rekey), member(o, "spi_i"),
           member(o, "spi_r"));
}

static void print_traffic(const json_t *o, const char *way)
{
    char key[32], amount[32];
    long long bytes, packets;

    snprintf(key, sizeof(key), "bytes_%s", way);
    bytes = json_integer_value(json_object_get(o, key));
    snprintf(key, sizeof(key), "packets_%s", way);
    packets = json_integer_value(json_object_get(o, key));
    snprintf(key, sizeof(key), "spi_%s", way);
    printf("        %-3s %s", way, member(o, key));
    if (json_object_get(o, "bytes_in"))
        printf(", %lld packets, %s", packets, bytes_text(bytes, amount));
    printf("\n");
}

static void print_child(const json_t *o)
{
    char age[32], rekey[32];

    printf("    %s: %s, %s%s, ", member(o, "child"), member(o, "state"), member(o, "mode"),
           json_is_true(json_object_get(o, "udp_encap")) ? " in UDP" : "");
    print_list(json_object_get(o, "ts_local"));
    printf(" === ");
    print_list(json_object_get(o, "ts_remote"));
    printf("\n        ESP %s, reqid %lld, age %s, rekey in %s\n", member(o, "suite"),
           (long long)json_integer_value(json_object_get(o, "reqid")), span_text(o, "age_s", age),
           span_text(o, "rekey_in_s", rekey));
    print_traffic(o, "in");
    print_traffic(o, "out");
}

static void print_fact(const json_t *o)
{
    const char *fact = member(o, "fact"), *child = member(o, "child");

    if (!strcmp(fact, "ike-sa")) {
        print_ike(o);
        return;
    }
    if (!strcmp(fact, "child-sa")) {
        print_child(o);
        return;
    }
    if (!strcmp(fact, "counters")) {
        printf("%s\n", member(o, "text"));
        return;
    }
    if (*member(o, "connection"))
        printf("%s%s%s: ", member(o, "connection"), *child ? "/" : "", child);
    printf("%s%s%s", fact, *member(o, "text") ? ": " : "", member(o, "text"));
    if (*member(o, "remote"))
        printf(" [%s]", member(o, "remote"));
    printf("\n");
}

/* --- the socket ----------------------------------------------------------------------------------------------------- */

static int dial(const struct call *c)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct timeval wait = {.tv_sec = c->timeout};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(c->socket) >= sizeof(at.sun_path)) {
        fprintf(stderr, "charonctl: the path of the socket is too long: %s\n", c->socket);
        return -1;
    }
    memcpy(at.sun_path, c->socket, strlen(c->socket));
    if (connect(fd, (struct sockaddr *)&at, sizeof(at))) {
        fprintf(stderr, "charonctl: no daemon at %s: %s%s\n", c->socket, strerror(errno),
                errno == EACCES                            ? " (are you root, or in its control_group?)"
                : errno == ENOENT || errno == ECONNREFUSED ? " (is charon-lite running? another socket is named with -s)"
                                                           : "");
        close(fd);
        return -1;
    }
    if (c->timeout > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    return fd;
}

static int send_request(int fd, const char *verb, const char *connection, const char *child, bool wait)
{
    json_t *o = json_pack("{ss}", "do", verb);
    char *line;
    int err;

    if (connection)
        json_object_set_new(o, "connection", json_string(connection));
    if (child)
        json_object_set_new(o, "child", json_string(child));
    if (wait)
        json_object_set_new(o, "wait", json_true());
    line = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    err = !line || dprintf(fd, "%s\n", line) < 0;
    free(line);
    return err;
}

/* Prints a line of the reply. The exit status when it was the last, else -1. `quiet`: the end says nothing new when all is well.
 */
static int take_line(const struct call *c, const char *line, bool *any)
{
    json_t *o = json_loads(line, 0, NULL);
    int status = -1;

    if (!o) {
        fprintf(stderr, "charonctl: the daemon said what is no JSON: %s\n", line);
        return EXIT_REFUSED;
    }
    if (!strcmp(member(o, "fact"), "done"))
        status = json_is_true(json_object_get(o, "ok")) ? EXIT_OK : EXIT_REFUSED;
    if (c->json)
        printf("%s\n", line);
    else if (status < 0)
        print_fact(o);
    else if (*member(o, "text"))
        fprintf(status ? stderr : stdout, "%s%s\n", status ? "charonctl: " : "", member(o, "text"));
    if (status < 0)
        *any = true;
    json_decref(o);
    fflush(stdout);
    return status;
}

static int take_reply(const struct call *c, int fd, bool *any)
{
    FILE *in = fdopen(fd, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int status = -1;

    while (status < 0 && in && (n = getline(&line, &cap, in)) > 0) {
        if (line[n - 1] == '\n')
            line[n - 1] = '\0';
        status = take_line(c, line, any);
    }
    if (status < 0 && in && ferror(in) && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        fprintf(stderr, "charonctl: no end after %ld seconds; the daemon goes on with it (--timeout waits longer)\n", c->timeout);
        status = EXIT_TIMEOUT;
    } else if (status < 0) {
        fprintf(stderr, "charonctl: the daemon closed the connection\n");
        status = EXIT_NO_DAEMON;
    }
    free(line);
    if (in)
        fclose(in);
    return status;
}

static int call_daemon(const struct call *c, const char *verb, bool wait)
{
    bool any = false;
    int status, fd = dial(c);

    if (fd < 0)
        return EXIT_NO_DAEMON;
    if (send_request(fd, verb, c->argc > 1 ? c->argv[1] : NULL, c->argc > 2 ? c->argv[2] : NULL, wait)) {
        fprintf(stderr, "charonctl: %s\n", strerror(errno));
        close(fd);
        return EXIT_NO_DAEMON;
    }
    status = take_reply(c, fd, &any);
    if (status == EXIT_OK && !any && !c->json && !strcmp(verb, "list"))
        printf("no SAs\n");
    return status;
}

/* --- commands ------------------------------------------------------------------------------------------------------- */

static int do_order(const struct call *c)
{
    return call_daemon(c, c->argv[0], false);
}

static int do_up(const struct call *c)
{
    return call_daemon(c, "up", !c->no_wait);
}

static int do_watch(const struct call *c)
{
    return call_daemon(c, "watch", false);
}

/* The snapshot of the files named, or of the default directory; everything wrong with it is said. */
static struct conf *read_files(const struct call *c, int *status)
{
    const char *standard = SYSCONFDIR "/charon-lite/conf.d";
    const char *const *paths = c->argc > 1 ? (const char *const *)c->argv + 1 : &standard;
    struct conf *conf = NULL;
    struct conf_report report;
    struct files files;
    char why[1000], *text;
    struct text t = text_in(why, sizeof(why));

    *status = EXIT_REFUSED;
    if (files_find(paths, c->argc > 1 ? (size_t)c->argc - 1 : 1, &files, &t)) {
        fprintf(stderr, "charonctl: %s\n", why);
        files_done(&files);
        return NULL;
    }
    conf_report_init(&report);
    conf = files_read(&files, 1, NULL, !strcmp(c->argv[0], "check"), &report);
    text = files_report(&report);
    fputs(text ? text : "", stderr);
    if (!files.n)
        fprintf(stderr, "charonctl: there is no *.yaml file in %s\n", paths[0]);
    if (conf && !report.errors)
        *status = EXIT_OK;
    free(text);
    conf_report_done(&report);
    files_done(&files);
    return conf;
}

static int do_check(const struct call *c)
{
    int status;
    struct conf *conf = read_files(c, &status);

    if (conf && status == EXIT_OK && conf->n_connections == 0)
        fputs("warning: no connection is named, so that nothing is protected: write one under \"connections:\"\n", stderr);
    if (conf && status == EXIT_OK)
        printf("good: %zu connection%s\n", conf->n_connections, conf->n_connections == 1 ? "" : "s");
    conf_unref(conf);
    return status;
}

static int put_out(void (*write_it)(struct buf *))
{
    struct buf b;
    int status;

    buf_init(&b, 64 << 20);
    write_it(&b);
    status = b.failed || fwrite(b.p, 1, b.len, stdout) != b.len ? EXIT_REFUSED : EXIT_OK;
    buf_done(&b);
    return status;
}

static int do_print(const struct call *c)
{
    struct conf *conf;
    struct buf b;
    int status;

    if (c->argc == 1)
        return call_daemon(c, "print", false);
    conf = read_files(c, &status);
    if (!conf)
        return status;
    buf_init(&b, 64 << 20);
    conf_print(conf, &b);
    if (b.failed || fwrite(b.p, 1, b.len, stdout) != b.len)
        status = EXIT_REFUSED;
    buf_done(&b);
    conf_unref(conf);
    return status;
}

static int do_schema(const struct call *c)
{
    (void)c;
    return put_out(conf_schema);
}

static int do_settings(const struct call *c)
{
    (void)c;
    return put_out(conf_manual);
}

static int do_help(const struct call *c)
{
    (void)c;
    fputs(usage, stdout);
    return EXIT_OK;
}

static const struct command {
    const char *name;
    int min, max; /* arguments */
    int (*run)(const struct call *);
} commands[] = {
    {"up", 1, 2, do_up},          {"down", 0, 2, do_order},    {"rekey", 1, 2, do_order},       {"list", 0, 1, do_order},
    {"disable", 1, 1, do_order},  {"enable", 1, 1, do_order},  {"check", 0, 9999, do_check},    {"print", 0, 9999, do_print},
    {"reload", 0, 0, do_order},   {"schema", 0, 0, do_schema}, {"settings", 0, 0, do_settings}, {"status", 0, 0, do_order},
    {"counters", 0, 0, do_order}, {"watch", 0, 0, do_watch},   {"log", 0, 0, do_watch},         {"stop", 0, 0, do_order},
    {"help", 0, 0, do_help},
};

static const struct command *find_command(const char *name)
{
    const char *names[COUNT_OF(commands) + 1] = {NULL}, *near;

    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        names[i] = commands[i].name;
        if (!strcmp(name, commands[i].name))
            return &commands[i];
    }
    near = text_nearest(name, names);
    fprintf(stderr, "charonctl: there is no command \"%s\"", name);
    if (near)
        fprintf(stderr, ": did you mean \"%s\"?", near);
    fprintf(stderr, "\nTry 'charonctl help'.\n");
    return NULL;
}

static const struct option longs[] = {{"socket", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
                                      {"no-wait", no_argument, NULL, 'n'},      {"timeout", required_argument, NULL, 't'},
                                      {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};

static int read_options(int argc, char **argv, struct call *c)
{
    char *end;
    int o;

    *c = (struct call){.socket = RUNSTATEDIR "/charon-lite/control", .timeout = -1};
    while ((o = getopt_long(argc, argv, "s:jnt:h", longs, NULL)) != -1) {
        if (o == 's') {
            c->socket = optarg;
        } else if (o == 'j') {
            c->json = true;
        } else if (o == 'n') {
            c->no_wait = true;
        } else if (o == 't') {
            c->timeout = strtol(optarg, &end, 10);
            if (*end || end == optarg || c->timeout < 0) {
                fprintf(stderr, "charonctl: --timeout wants seconds, 0 = wait for ever, not \"%s\"\n", optarg);
                return EXIT_USAGE;
            }
        } else if (o == 'h') {
            do_help(c);
            return EXIT_OK;
        } else {
            fputs("Try 'charonctl help'.\n", stderr);
            return EXIT_USAGE;
        }
    }
    c->argc = argc - optind;
    c->argv = argv + optind;
    return -1;
}

int main(int argc, char **argv)
{
    const struct command *command;
    struct call c;
    int status = read_options(argc, argv, &c);

    if (status >= 0)
        return status;
    if (!c.argc) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    command = find_command(c.argv[0]);
    if (!command)
        return EXIT_USAGE;
    if (c.argc - 1 < command->min || c.argc - 1 > command->max) {
        fprintf(stderr, "charonctl: %s wants %s arguments than %d\nTry 'charonctl help'.\n", command->name,
                c.argc - 1 < command->min ? "more" : "fewer", c.argc - 1);
        return EXIT_USAGE;
    }
    if (c.timeout < 0)
        c.timeout = command->run == do_watch ? 0 : 120;
    return command->run(&c);
}
