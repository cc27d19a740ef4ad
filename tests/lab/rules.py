"""The rules of a gateway, as docs/transparent.md shows them."""

PORT = 8080
"""Where the bridge listens."""

IPTABLES = f"""\
iptables -t nat -A PREROUTING -i clients -p tcp --dport 80 -j REDIRECT --to-ports {PORT}
iptables -t nat -A PREROUTING -i clients -p tcp --dport 443 -j REDIRECT --to-ports {PORT}
iptables -I FORWARD -i clients -p udp --dport 443 -j REJECT
"""
NFTABLES = f"""\
table inet hub_v1_bridge {{
    chain prerouting {{
        type nat hook prerouting priority dstnat
        iifname "clients" tcp dport {{ 80, 443 }} redirect to :{PORT}
    }}
    chain forward {{
        type filter hook forward priority filter
        iifname "clients" udp dport 443 reject
    }}
}}
"""
CONTAINERS_IPTABLES = f"""\
iptables -t nat -I PREROUTING -i podman1 -p tcp --dport 80 -j DNAT --to 10.77.1.1:{PORT}
iptables -t nat -I PREROUTING -i podman1 -p tcp --dport 443 -j DNAT --to 10.77.1.1:{PORT}
iptables -I FORWARD -i podman1 -p udp --dport 443 -j REJECT
"""
CONTAINERS_NFTABLES = f"""\
nft -f - <<'END'
table inet hub_v1_bridge {{
    chain prerouting {{
        iifname "podman1" tcp dport {{ 80, 443 }} dnat ip to 10.77.1.1:{PORT}
        iifname "podman1" tcp dport {{ 80, 443 }} dnat ip6 to [fd77:1::1]:{PORT}
    }}
    chain forward {{
        iifname "podman1" udp dport 443 reject
    }}
}}
END
"""


def for_ipv6(lines: str) -> str:
    """The same rules of iptables, for IPv6."""
    return lines.replace("iptables", "ip6tables").replace("10.77.1.1", "[fd77:1::1]")
