/* SPDX-License-Identifier: Apache-2.0 */
/* IANA's names of IKEv2 numbers ("Internet Key Exchange Version 2 (IKEv2) Parameters"); each table is in ascending order. */
#include "wire/family.h"

struct name {
    uint16_t value;
    const char *text;
};

static const char *name_find(const struct name *v, size_t n, uint16_t value)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].value == value)
            return v[i].text;
    return NULL;
}

static const struct name exchanges[] = {
    {34, "IKE_SA_INIT"},        {35, "IKE_AUTH"},         {36, "CREATE_CHILD_SA"},  {37, "INFORMATIONAL"},
    {38, "IKE_SESSION_RESUME"}, {39, "GSA_AUTH"},         {40, "GSA_REGISTRATION"}, {41, "GSA_REKEY"},
    {42, "GSA_INBAND_REKEY"},   {43, "IKE_INTERMEDIATE"}, {44, "IKE_FOLLOWUP_KE"},
};

const char *exchange_name(uint8_t exchange)
{
    return name_find(exchanges, COUNT_OF(exchanges), exchange);
}

static const struct name payloads[] = {
    {33, "SA"},     {34, "KE"},     {35, "IDi"},       {36, "IDr"}, {37, "CERT"}, {38, "CERTREQ"}, {39, "AUTH"}, {40, "Nonce"},
    {41, "Notify"}, {42, "Delete"}, {43, "Vendor ID"}, {44, "TSi"}, {45, "TSr"},  {46, "SK"},      {47, "CP"},   {48, "EAP"},
    {49, "GSPM"},   {50, "IDg"},    {51, "GSA"},       {52, "KD"},  {53, "SKF"},  {54, "PS"},
};

const char *payload_name(uint8_t type)
{
    return name_find(payloads, COUNT_OF(payloads), type);
}

static const struct name notifies[] = {
    {1, "UNSUPPORTED_CRITICAL_PAYLOAD"},
    {4, "INVALID_IKE_SPI"},
    {5, "INVALID_MAJOR_VERSION"},
    {7, "INVALID_SYNTAX"},
    {9, "INVALID_MESSAGE_ID"},
    {11, "INVALID_SPI"},
    {14, "NO_PROPOSAL_CHOSEN"},
    {17, "INVALID_KE_PAYLOAD"},
    {24, "AUTHENTICATION_FAILED"},
    {34, "SINGLE_PAIR_REQUIRED"},
    {35, "NO_ADDITIONAL_SAS"},
    {36, "INTERNAL_ADDRESS_FAILURE"},
    {37, "FAILED_CP_REQUIRED"},
    {38, "TS_UNACCEPTABLE"},
    {39, "INVALID_SELECTORS"},
    {40, "UNACCEPTABLE_ADDRESSES"},
    {41, "UNEXPECTED_NAT_DETECTED"},
    {42, "USE_ASSIGNED_HoA"},
    {43, "TEMPORARY_FAILURE"},
    {44, "CHILD_SA_NOT_FOUND"},
    {45, "INVALID_GROUP_ID"},
    {46, "AUTHORIZATION_FAILED"},
    {47, "STATE_NOT_FOUND"},
    {48, "TS_MAX_QUEUE"},
    {49, "REGISTRATION_FAILED"},
    {16384, "INITIAL_CONTACT"},
    {16385, "SET_WINDOW_SIZE"},
    {16386, "ADDITIONAL_TS_POSSIBLE"},
    {16387, "IPCOMP_SUPPORTED"},
    {16388, "NAT_DETECTION_SOURCE_IP"},
    {16389, "NAT_DETECTION_DESTINATION_IP"},
    {16390, "COOKIE"},
    {16391, "USE_TRANSPORT_MODE"},
    {16392, "HTTP_CERT_LOOKUP_SUPPORTED"},
    {16393, "REKEY_SA"},
    {16394, "ESP_TFC_PADDING_NOT_SUPPORTED"},
    {16395, "NON_FIRST_FRAGMENTS_ALSO"},
    {16396, "MOBIKE_SUPPORTED"},
    {16397, "ADDITIONAL_IP4_ADDRESS"},
    {16398, "ADDITIONAL_IP6_ADDRESS"},
    {16399, "NO_ADDITIONAL_ADDRESSES"},
    {16400, "UPDATE_SA_ADDRESSES"},
    {16401, "COOKIE2"},
    {16402, "NO_NATS_ALLOWED"},
    {16403, "AUTH_LIFETIME"},
    {16404, "MULTIPLE_AUTH_SUPPORTED"},
    {16405, "ANOTHER_AUTH_FOLLOWS"},
    {16406, "REDIRECT_SUPPORTED"},
    {16407, "REDIRECT"},
    {16408, "REDIRECTED_FROM"},
    {16409, "TICKET_LT_OPAQUE"},
    {16410, "TICKET_REQUEST"},
    {16411, "TICKET_ACK"},
    {16412, "TICKET_NACK"},
    {16413, "TICKET_OPAQUE"},
    {16414, "LINK_ID"},
    {16415, "USE_WESP_MODE"},
    {16416, "ROHC_SUPPORTED"},
    {16417, "EAP_ONLY_AUTHENTICATION"},
    {16418, "CHILDLESS_IKEV2_SUPPORTED"},
    {16419, "QUICK_CRASH_DETECTION"},
    {16420, "IKEV2_MESSAGE_ID_SYNC_SUPPORTED"},
    {16421, "IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED"},
    {16422, "IKEV2_MESSAGE_ID_SYNC"},
    {16423, "IPSEC_REPLAY_COUNTER_SYNC"},
    {16424, "SECURE_PASSWORD_METHODS"},
    {16425, "PSK_PERSIST"},
    {16426, "PSK_CONFIRM"},
    {16427, "ERX_SUPPORTED"},
    {16428, "IFOM_CAPABILITY"},
    {16429, "SENDER_REQUEST_ID"},
    {16430, "IKEV2_FRAGMENTATION_SUPPORTED"},
    {16431, "SIGNATURE_HASH_ALGORITHMS"},
    {16432, "CLONE_IKE_SA_SUPPORTED"},
    {16433, "CLONE_IKE_SA"},
    {16434, "PUZZLE"},
    {16435, "USE_PPK"},
    {16436, "PPK_IDENTITY"},
    {16437, "NO_PPK_AUTH"},
    {16438, "INTERMEDIATE_EXCHANGE_SUPPORTED"},
    {16439, "IP4_ALLOWED"},
    {16440, "IP6_ALLOWED"},
    {16441, "ADDITIONAL_KEY_EXCHANGE"},
    {16442, "USE_AGGFRAG"},
    {16443, "SUPPORTED_AUTH_METHODS"},
    {16444, "SA_RESOURCE_INFO"},
    {16445, "USE_PPK_INT"},
    {16446, "PPK_IDENTITY_KEY"},
};

const char *notify_name(uint16_t type)
{
    return name_find(notifies, COUNT_OF(notifies), type);
}

static const struct name auth_methods[] = {
    {1, "RSA"},        {2, "PSK"},   {3, "DSS"},   {9, "ECDSA-256"},          {10, "ECDSA-384"},
    {11, "ECDSA-521"}, {12, "GSPM"}, {13, "NULL"}, {14, "digital signature"},
};

const char *auth_method_name(uint8_t method)
{
    return name_find(auth_methods, COUNT_OF(auth_methods), method);
}

static const struct name protocols[] = {
    {1, "IKE"},
    {2, "AH"},
    {3, "ESP"},
};

const char *protocol_name(uint8_t protocol)
{
    return name_find(protocols, COUNT_OF(protocols), protocol);
}

static const struct name cert_encodings[] = {
    {1, "PKCS #7"},
    {2, "PGP"},
    {3, "DNS signed key"},
    {4, "X.509 signature"},
    {6, "Kerberos token"},
    {7, "CRL"},
    {8, "ARL"},
    {9, "SPKI"},
    {10, "X.509 attribute"},
    {11, "raw RSA key"},
    {12, "hash and URL of X.509"},
    {13, "hash and URL of X.509 bundle"},
    {14, "OCSP content"},
    {15, "raw public key"},
};

const char *cert_encoding_name(uint8_t encoding)
{
    return name_find(cert_encodings, COUNT_OF(cert_encodings), encoding);
}

static const struct name cp_types[] = {
    {1, "CFG_REQUEST"},
    {2, "CFG_REPLY"},
    {3, "CFG_SET"},
    {4, "CFG_ACK"},
};

const char *cp_type_name(uint8_t type)
{
    return name_find(cp_types, COUNT_OF(cp_types), type);
}

static const struct name cp_attributes[] = {
    {1, "INTERNAL_IP4_ADDRESS"},
    {2, "INTERNAL_IP4_NETMASK"},
    {3, "INTERNAL_IP4_DNS"},
    {4, "INTERNAL_IP4_NBNS"},
    {6, "INTERNAL_IP4_DHCP"},
    {7, "APPLICATION_VERSION"},
    {8, "INTERNAL_IP6_ADDRESS"},
    {10, "INTERNAL_IP6_DNS"},
    {12, "INTERNAL_IP6_DHCP"},
    {13, "INTERNAL_IP4_SUBNET"},
    {14, "SUPPORTED_ATTRIBUTES"},
    {15, "INTERNAL_IP6_SUBNET"},
    {16, "MIP6_HOME_PREFIX"},
    {17, "INTERNAL_IP6_LINK"},
    {18, "INTERNAL_IP6_PREFIX"},
    {19, "HOME_AGENT_ADDRESS"},
    {20, "P_CSCF_IP4_ADDRESS"},
    {21, "P_CSCF_IP6_ADDRESS"},
    {22, "FTT_KAT"},
    {23, "EXTERNAL_SOURCE_IP4_NAT_INFO"},
    {24, "TIMEOUT_PERIOD_FOR_LIVENESS_CHECK"},
    {25, "INTERNAL_DNS_DOMAIN"},
    {26, "INTERNAL_DNSSEC_TA"},
    {27, "ENCDNS_IP4"},
    {28, "ENCDNS_IP6"},
    {29, "ENCDNS_DIGEST_INFO"},
};

const char *cp_attribute_name(uint16_t type)
{
    return name_find(cp_attributes, COUNT_OF(cp_attributes), type);
}
