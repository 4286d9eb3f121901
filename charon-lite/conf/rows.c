/* SPDX-License-Identifier: Apache-2.0 */
/* The settings, a row each. Order is the order of the manual and of the printed configuration. */
#include "conf/rows.h"

#include <string.h>

#ifndef RUNSTATEDIR
#define RUNSTATEDIR "/run"
#endif

#define AT(type, member) .offset = offsetof(struct type, member), .width = sizeof(((struct type *)NULL)->member)
#define SECONDS(n) ((uint64_t)(n)*1000000)
#define DAYS(n) SECONDS((n)*86400)

static const struct word keep_words[] = {{"up", KEEP_UP}, {"on-demand", KEEP_ON_DEMAND}, {"answer", KEEP_ANSWER}, {NULL, 0}};
static const struct word pfs_words[] = {{"auto", PFS_AUTO}, {"require", PFS_REQUIRE}, {"off", PFS_OFF}, {NULL, 0}};
static const struct word split_words[] = {{"auto", SPLIT_AUTO}, {"joint", SPLIT_JOINT}, {"split", SPLIT_SPLIT}, {NULL, 0}};
static const struct word mode_words[] = {{"tunnel", false}, {"transport", true}, {NULL, 0}};
static const struct word auth_words[] = {{"psk", AUTH_KIND_PSK}, {"pubkey", AUTH_KIND_PUBKEY}, {NULL, 0}};
static const struct word encap_words[] = {{"auto", ENCAP_AUTO}, {"force", ENCAP_FORCE}, {NULL, 0}};
static const struct word df_words[] = {{"copy", DF_COPY}, {"set", DF_SET}, {"clear", DF_CLEAR}, {NULL, 0}};
static const struct word never_words[] = {{"never", 0}, {"off", 0}, {NULL, 0}};
static const struct word never_auto_words[] = {{"never", 0}, {"auto", LIFETIME_UNSET}, {NULL, 0}};
static const struct word auto_words[] = {{"auto", 0}, {NULL, 0}};
static const struct word off_words[] = {{"off", 0}, {NULL, 0}};
static const struct word none_words[] = {{"none", 0}, {NULL, 0}};
static const struct word mss_words[] = {{"auto", 0}, {"off", 1}, {NULL, 0}};
static const struct word legacy_words[] = {
    {"sha1", offsetof(struct conf_end, sha1)}, {"weak-psk", offsetof(struct conf_end, weak_psk)}, {NULL, 0}};
/* numbers of syslog (enum level) */
static const struct word level_words[] = {{"error", 3}, {"warning", 4}, {"notice", 5}, {"info", 6}, {"debug", 7}, {NULL, 0}};

/* Ends. */

#define END_AUTH                                                                                                                 \
    {                                                                                                                            \
        .key = "auth", .kind = KIND_WORD, AT(conf_end, auth), .words = auth_words,                                               \
        .help =                                                                                                                  \
            "How this end proves who it is: `psk` or `pubkey` (certificate). Follows from what else is written; needed only "    \
            "where both a secret and a certificate are named."                                                                   \
    }
#define END_PSK                                                                                                                  \
    {                                                                                                                            \
        .key = "psk", .kind = KIND_SECRET, AT(conf_end, psk), .help = "The pre-shared key of this end, where the ends differ."   \
    }

static const struct row local_rows[] = {
    {.key = "address", .kind = KIND_LOCAL, .help = "Our own address. Without it the route to the peer decides."},
    {.key = "port",
     .kind = KIND_NUMBER,
     AT(conf_end, port),
     .min = 1,
     .max = 65535,
     .help = "The UDP port to send from: `port` or `port_natt` of the daemon. Follows from the peer's."},
    {.key = "id",
     .kind = KIND_ID,
     .help =
         "Who we say we are: an address, a name (`gw1.example.com`), `user@example.com`, `keyid:TEXT` or a distinguished name "
         "(`\"CN=gw1, O=Example\"`). Without it: our address with a PSK, the subject of our certificate otherwise."},
    END_AUTH,
    END_PSK,
    {.key = "cert",
     .kind = KIND_PATH,
     AT(conf_end, cert),
     .help =
         "Our certificate, a PEM file; intermediate certificates follow in the same file. Paths are relative to the file that "
         "names them."},
    {.key = "key", .kind = KIND_PATH, AT(conf_end, key), .help = "The private key of the certificate, a PEM file of mode 600."},
    {.key = "legacy",
     .kind = KIND_LEGACY,
     .words = legacy_words,
     .help =
         "Weak things taken by name: `sha1` signs with SHA-1 for a peer that announces no better hash; `weak-psk` takes a secret "
         "of less than 128 bits."},
    {0}};

static const struct row remote_rows[] = {
    {.key = "address",
     .kind = KIND_REMOTE,
     .help = "The peer: an address, a host name (asked again when it changes), a network of peers (`203.0.113.0/24`) or `any`."},
    {.key = "port",
     .kind = KIND_NUMBER,
     AT(conf_end, port),
     .min = 1,
     .max = 65535,
     .preset = "500",
     .help = "The UDP port to begin with; 4500 begins with NAT traversal (RFC 7296 2.23)."},
    {.key = "id",
     .kind = KIND_ID,
     .help =
         "Who the peer must prove to be, as in `local`; `*.example.com`, `*@example.com` and `\"CN=*, O=Example\"` are patterns. "
         "Without it: its address with a PSK and a fixed address, anyone whom the trust anchor certified otherwise."},
    END_AUTH,
    END_PSK,
    {.key = "ca",
     .kind = KIND_PATHS,
     AT(conf_end, ca),
     .help = "Trust anchors that the peer's certificate must descend from: PEM files."},
    {.key = "cert",
     .kind = KIND_PATHS,
     AT(conf_end, pinned),
     .help = "Certificates of the peer that are taken as they are, without a trust anchor: PEM files."},
    {.key = "legacy",
     .kind = KIND_LEGACY,
     .words = legacy_words,
     .help = "Weak things taken by name: `sha1` accepts a SHA-1 signature (RFC 7296 method 1); `weak-psk` takes a secret of less "
             "than "
             "128 bits."},
    {0}};

const struct table table_local = {
    .id = "local",
    .title = "local",
    .scalar = "address",
    .help = "Our end of the connection. A plain text is our address: `local: 198.51.100.1`.",
    .rows = local_rows,
};
const struct table table_remote = {
    .id = "remote",
    .title = "remote",
    .scalar = "address",
    .help = "The peer. A plain text is its address or name: `remote: paris.example.com`.",
    .rows = remote_rows,
};

/* The IKE SA. */

static const struct row ike_rows[] = {
    {.key = "proposals",
     .kind = KIND_PROPOSALS,
     AT(conf_connection, proposals),
     .min = PROTOCOL_IKE,
     .preset = "default",
     .help = "Algorithms for IKE in order of preference, such as `aes256gcm16-prfsha384-ecp384` or `aes256-sha256-modp2048`; "
             "`default` stands for the built-in list."},
    {.key = "rekey",
     .kind = KIND_DURATION,
     AT(conf_connection, rekey_us),
     .min = SECONDS(1),
     .max = DAYS(366),
     .preset = "4h",
     .words = never_words,
     .help = "The IKE SA is renewed after so long."},
    {.key = "lifetime",
     .kind = KIND_DURATION,
     AT(conf_connection, lifetime_us),
     .min = SECONDS(1),
     .max = DAYS(400),
     .preset = "auto",
     .words = never_auto_words,
     .help = "The IKE SA ends after so long if it could not be renewed; `auto` is a tenth more than `rekey`."},
    {.key = "liveness",
     .kind = KIND_DURATION,
     AT(conf_connection, liveness_us),
     .min = SECONDS(1),
     .max = DAYS(1),
     .preset = "30s",
     .words = never_words,
     .help = "A peer that is silent for so long is asked whether it lives (RFC 7296 2.4; others say dead peer detection)."},
    {.key = "dead_after",
     .kind = KIND_DURATION,
     AT(conf_connection, dead_after_us),
     .min = SECONDS(1),
     .max = DAYS(1),
     .preset = "3m",
     .help = "A peer that leaves a question unanswered for so long is given up, and `keep` says what then."},
    {.key = "fragmentation",
     .kind = KIND_BOOL,
     AT(conf_connection, fragmentation),
     .preset = "yes",
     .help = "Send large messages in fragments (RFC 7383) when the peer can do so."},
    {.key = "fragment_size",
     .kind = KIND_NUMBER,
     AT(conf_connection, fragment_size),
     .min = 576,
     .max = 65535,
     .preset = "auto",
     .words = auto_words,
     .help = "The largest IP datagram to send for IKE, in bytes; `auto` is 1280."},
    {.key = "encap",
     .kind = KIND_WORD,
     AT(conf_connection, encap),
     .preset = "auto",
     .words = encap_words,
     .help = "`force` sends ESP within UDP even where no NAT is found."},
    {.key = "keepalive",
     .kind = KIND_DURATION,
     AT(conf_connection, keepalive_us),
     .min = SECONDS(1),
     .max = DAYS(1),
     .preset = "20s",
     .words = never_words,
     .help = "Behind a NAT, a packet is sent after so long without another, to keep its mapping (RFC 3948 4)."},
    {.key = "send_cert",
     .kind = KIND_BOOL,
     AT(conf_connection, send_cert),
     .preset = "yes",
     .help = "Send our certificate even when the peer does not ask for it."},
    {.key = "initial_contact",
     .kind = KIND_BOOL,
     AT(conf_connection, initial_contact),
     .preset = "yes",
     .help =
         "Tell the peer with a first IKE SA that older ones of our identity are gone (RFC 7296 2.4). `no` where other machines "
         "have the same identity at the same time: it would close theirs."},
    {0}};
const struct table table_ike = {.id = "ike", .title = "ike", .help = "The IKE SA.", .rows = ike_rows};

/* Children. */

static const struct row child_rows[] = {
    {.key = "mode",
     .kind = KIND_WORD,
     AT(conf_child, transport),
     .preset = "tunnel",
     .words = mode_words,
     .help = "`tunnel` joins networks; `transport` protects what the two hosts themselves say."},
    {.key = "local",
     .kind = KIND_SELECTORS,
     AT(conf_child, local),
     .help = "What lies at our end: `10.1.0.0/16`, `10.1.0.1-10.1.0.9`, or `dynamic`, which is our own address. A protocol and "
             "ports may "
             "follow: `dynamic/tcp/22`, `10.0.0.0/8/udp/500-600`, `192.0.2.0/24/icmp/8`, `192.0.2.1/32/47`. Default: `dynamic`."},
    {.key = "remote",
     .kind = KIND_SELECTORS,
     AT(conf_child, remote),
     .help = "What lies at the peer's end, in the same words; `dynamic` is the peer's address."},
    {.key = "esp",
     .kind = KIND_PROPOSALS,
     AT(conf_child, proposals),
     .min = PROTOCOL_ESP,
     .preset = "default",
     .help = "Algorithms for ESP in order of preference, such as `aes256gcm16-x25519` or `aes256-sha256`; a key exchange among "
             "them is "
             "used when the SA is renewed (see `pfs`); `esn` or `noesn` limits sequence numbers to one kind."},
    {.key = "pfs",
     .kind = KIND_WORD,
     AT(conf_child, pfs),
     .preset = "auto",
     .words = pfs_words,
     .help = "Whether a renewed SA has a key exchange of its own: `auto` offers it and also does without, `require` insists, "
             "`off` never."},
    {.key = "keep",
     .kind = KIND_WORD,
     .flags = ROW_WISH,
     AT(conf_child, keep),
     .words = keep_words,
     .help = "As `keep` of the connection, for this child alone."},
    {.key = "split",
     .kind = KIND_WORD,
     AT(conf_child, split),
     .preset = "auto",
     .words = split_words,
     .help = "Several selectors in one Child SA (`joint`), one SA for each pair (`split`), or what the peer takes (`auto`)."},
    {.key = "rekey",
     .kind = KIND_DURATION,
     AT(conf_child, rekey_us),
     .min = SECONDS(1),
     .max = DAYS(366),
     .preset = "1h",
     .words = never_words,
     .help = "The Child SA is renewed after so long."},
    {.key = "lifetime",
     .kind = KIND_DURATION,
     AT(conf_child, lifetime_us),
     .min = SECONDS(1),
     .max = DAYS(400),
     .preset = "auto",
     .words = never_auto_words,
     .help = "The Child SA ends after so long if it could not be renewed; `auto` is a tenth more than `rekey`."},
    {.key = "rekey_bytes",
     .kind = KIND_SIZE,
     AT(conf_child, rekey_bytes),
     .min = 1024,
     .max = (uint64_t)1 << 50,
     .preset = "never",
     .words = never_words,
     .help = "The Child SA is renewed after so many bytes (K, M, G, T are powers of 1024), and ends a tenth later."},
    {.key = "rekey_packets",
     .kind = KIND_COUNT,
     AT(conf_child, rekey_packets),
     .min = 100,
     .max = 1000000000000000,
     .preset = "never",
     .words = never_words,
     .help = "The Child SA is renewed after so many packets (k, M, G are powers of 1000), and ends a tenth later."},
    {.key = "replay_window",
     .kind = KIND_NUMBER,
     AT(conf_child, replay_window),
     .min = 1,
     .max = 4096,
     .preset = "128",
     .words = off_words,
     .help = "How many packets may overtake one another before the older ones are refused as repeated (RFC 4303 3.4.3)."},
    {.key = "mark",
     .kind = KIND_MARK,
     AT(conf_child, mark),
     .preset = "none",
     .words = none_words,
     .help = "Protect marked packets only: `0x10`, or `0x10/0xff` with a mask."},
    {.key = "if_id",
     .kind = KIND_NUMBER,
     AT(conf_child, if_id),
     .min = 1,
     .max = UINT32_MAX,
     .preset = "none",
     .words = none_words,
     .help = "Protect packets of the XFRM interface of this number: needed when both ends are everything (`0.0.0.0/0`)."},
    {.key = "priority",
     .kind = KIND_NUMBER,
     AT(conf_child, priority),
     .min = 1,
     .max = 1000000,
     .preset = "auto",
     .words = auto_words,
     .help = "Order among overlapping policies, lower first; `auto` puts the narrower first."},
    {.key = "mss",
     .kind = KIND_NUMBER,
     AT(conf_child, mss),
     .min = 88,
     .max = 65495,
     .preset = "auto",
     .words = mss_words,
     .help = "TCP connections through the tunnel are told of so large a segment at most; `auto` computes it, `off` leaves them "
             "alone."},
    {.key = "df",
     .kind = KIND_WORD,
     AT(conf_child, df),
     .preset = "copy",
     .words = df_words,
     .help = "The don't-fragment bit of the outer packets: `copy` from the inner, `set` or `clear`."},
    {.key = "pass",
     .kind = KIND_SELECTORS,
     AT(conf_child, pass),
     .help =
         "Exceptions: packets to and from these addresses at the peer's end stay in the clear, in the same words as `remote`."},
    {0}};
const struct table table_child = {
    .id = "child",
    .title = "children: NAME",
    .help = "A Child SA: what is protected, and how.",
    .rows = child_rows,
};

/* Connections. */

static const struct row connection_rows[] = {
    {.key = "local", .kind = KIND_SECTION, AT(conf_connection, local), .table = &table_local, .help = "Our end; see below."},
    {.key = "remote", .kind = KIND_SECTION, AT(conf_connection, remote), .table = &table_remote, .help = "The peer; see below."},
    {.key = "psk",
     .kind = KIND_SECRET,
     .flags = ROW_SHORT,
     AT(draft, both.psk),
     .help =
         "The pre-shared key of both ends: `file:NAME` names the file that holds it (mode 600). Secrets are never written here."},
    {.key = "local_net",
     .kind = KIND_SELECTORS,
     .flags = ROW_SHORT,
     AT(draft, child.local),
     .help = "What lies behind us: `local` of the children. Without `children` the connection has one child of its own name."},
    {.key = "remote_net",
     .kind = KIND_SELECTORS,
     .flags = ROW_SHORT,
     AT(draft, child.remote),
     .help = "What lies behind the peer: `remote` of the children."},
    {.key = "keep",
     .kind = KIND_WORD,
     .flags = ROW_WISH,
     AT(conf_connection, keep),
     .words = keep_words,
     .help = "One wish: `up` brings it up and keeps it so, for ever; `on-demand` lets traffic bring it up; `answer` leaves that "
             "to the "
             "peer. Protected networks stay closed until then. Default: `up`, or `answer` where the peer has no fixed address."},
    {.key = "ike", .kind = KIND_SECTION, .table = &table_ike, .help = "The IKE SA; see below."},
    {.key = "legacy",
     .kind = KIND_LEGACY,
     .flags = ROW_SHORT,
     .offset = offsetof(struct draft, both),
     .words = legacy_words,
     .help = "`legacy` of both ends."},
    {.key = "child",
     .kind = KIND_SECTION,
     .flags = ROW_SHORT,
     .offset = offsetof(struct draft, child),
     .table = &table_child,
     .help = "Settings for all children of the connection, in the words of `children`."},
    {.key = "children",
     .kind = KIND_NAMED,
     .flags = ROW_WISH,
     .words = split_words,
     .table = &table_child,
     .help = "The children by name; see below. `children: split` keeps the short form, and has one Child SA for each pair of "
             "networks."},
    {0}};
const struct table table_connection = {
    .id = "connection",
    .title = "connections: NAME",
    .help = "A connection to a peer.",
    .rows = connection_rows,
};

/* The daemon. */

static const struct row retransmit_rows[] = {
    {.key = "first",
     .kind = KIND_DURATION,
     AT(conf, retransmit_us),
     .min = 50000,
     .max = SECONDS(60),
     .preset = "1s",
     .help = "An unanswered request is sent again after so long."},
    {.key = "factor",
     .kind = KIND_FACTOR,
     AT(conf, retransmit_factor),
     .min = 100,
     .max = 1000,
     .preset = "1.4",
     .help = "Each further wait is so many times the one before."},
    {.key = "tries",
     .kind = KIND_NUMBER,
     AT(conf, retransmit_tries),
     .min = 1,
     .max = 100,
     .preset = "12",
     .help = "So many times it is sent again; `dead_after` of a connection may end it sooner."},
    {0}};
static const struct table table_retransmit = {
    .id = "retransmit",
    .title = "daemon: retransmit",
    .help = "How often an unanswered request is sent (RFC 7296 2.4).",
    .rows = retransmit_rows,
};

static const struct row limit_rows[] = {
    {.key = "half_open",
     .kind = KIND_NUMBER,
     AT(conf_limits, half_open_max),
     .min = 1,
     .max = 10000000,
     .preset = "20000",
     .help = "IKE SAs that peers have begun and not yet authenticated, all together."},
    {.key = "half_open_per_source",
     .kind = KIND_NUMBER,
     AT(conf_limits, half_open_per_source),
     .min = 1,
     .max = 10000000,
     .preset = "64",
     .help = "The same from one /24 (IPv4) or /64 (IPv6)."},
    {.key = "cookie_threshold",
     .kind = KIND_NUMBER,
     AT(conf_limits, cookie_threshold),
     .min = 0,
     .max = 10000000,
     .preset = "64",
     .help = "From so many half-open IKE SAs on, a peer must show that its address is its own (RFC 7296 2.6); 0 = always."},
    {.key = "ike_sas",
     .kind = KIND_NUMBER,
     AT(conf_limits, ike_max),
     .min = 1,
     .max = 10000000,
     .preset = "100000",
     .help = "IKE SAs, all together."},
    {.key = "ike_sas_per_peer",
     .kind = KIND_NUMBER,
     AT(conf_limits, ike_per_peer_max),
     .min = 1,
     .max = 10000000,
     .preset = "32",
     .help =
         "IKE SAs of one peer, by its identity: with one more the oldest is closed. Peers that share an identity count as one."},
    {.key = "children_per_ike",
     .kind = KIND_NUMBER,
     AT(conf_limits, children_per_ike_max),
     .min = 1,
     .max = 65535,
     .preset = "256",
     .help = "Child SAs of one IKE SA."},
    {0}};
static const struct table table_limits = {
    .id = "limits",
    .title = "daemon: limits",
    .help = "How much strangers may make us hold.",
    .rows = limit_rows,
};

static const struct row daemon_rows[] = {
    {.key = "listen", .kind = KIND_ADDRESSES, AT(conf, listen), .help = "The addresses to listen at; all when none is named."},
    {.key = "port",
     .kind = KIND_NUMBER,
     AT(conf, port),
     .min = 1,
     .max = 65535,
     .preset = "500",
     .help = "Our UDP port for IKE."},
    {.key = "port_natt",
     .kind = KIND_NUMBER,
     AT(conf, port_natt),
     .min = 1,
     .max = 65535,
     .preset = "4500",
     .help = "Our UDP port for IKE and ESP through NAT."},
    {.key = "resolvers",
     .kind = KIND_ADDRESSES,
     AT(conf, resolvers),
     .help = "DNS servers that are reached even while everything else is closed; those of resolv.conf when none is named."},
    {.key = "control_socket",
     .kind = KIND_PATH,
     AT(conf, control_socket),
     .preset = RUNSTATEDIR "/charon-lite/control",
     .help = "Where `charonctl` finds the daemon."},
    {.key = "control_group",
     .kind = KIND_TEXT,
     AT(conf, control_group),
     .help = "The group that may use the control socket; root alone when none is named."},
    {.key = "log",
     .kind = KIND_WORD,
     AT(conf, log_level),
     .preset = "info",
     .words = level_words,
     .help = "How much is logged: this and what is graver."},
    {.key = "quick_crash_detection",
     .kind = KIND_BOOL,
     AT(conf, quick_crash_detection),
     .preset = "yes",
     .help =
         "Give peers a token by which they know that we have lost an IKE SA, and believe theirs (RFC 6290): after a restart a "
         "tunnel is back within a round trip. `no` where several gateways share one address and one state directory."},
    {.key = "retransmit", .kind = KIND_SECTION, .table = &table_retransmit, .help = "Retransmission; see below."},
    {.key = "limits", .kind = KIND_SECTION, AT(conf, limits), .table = &table_limits, .help = "Limits; see below."},
    {0}};
const struct table table_daemon = {
    .id = "daemon",
    .title = "daemon",
    .help = "The daemon itself. All files together have one such section.",
    .rows = daemon_rows,
};

/* A file. */

static const struct row file_rows[] = {
    {.key = "connections",
     .kind = KIND_NAMED,
     .table = &table_connection,
     .help = "The connections by name: letters, digits and `._-+@`."},
    {.key = "defaults",
     .kind = KIND_SECTION,
     .table = &table_connection,
     .help = "Settings that the connections of the same file begin with."},
    {.key = "daemon", .kind = KIND_SECTION, .table = &table_daemon, .help = "The daemon itself; see below."},
    {0}};
const struct table table_file = {.id = "file", .title = "a file", .help = "What stands at the top of a file.", .rows = file_rows};

const struct table *const conf_tables[] = {&table_file,  &table_connection, &table_local,      &table_remote, &table_ike,
                                           &table_child, &table_daemon,     &table_retransmit, &table_limits, NULL};

const char *row_preset(const struct row *row)
{
    static const char socket[] = "RUNSTATEDIR/charon-lite/control";

    return row->preset && strncmp(row->preset, RUNSTATEDIR "/", sizeof(RUNSTATEDIR)) == 0 ? socket : row->preset;
}

const struct row *row_find(const struct table *table, const char *key)
{
    for (const struct row *row = table->rows; row->key; row++) {
        if (row->key[0] == key[0] && strcmp(row->key, key) == 0)
            return row;
    }
    return NULL;
}
