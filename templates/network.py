"""A site's network: private subnets in two zones, endpoints for what the tasks call, and who may connect to whom."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from troposphere import GetAtt, GetAZs, Ref, Select, Sub, Tags, Template, ec2

from templates.frame import blank, offer, tags
from templates.settings import Settings

ZONES = (0, 1)
# Ports of contract: orders, status, market data, directory.
ORDERS, STATUS, MARKET_DATA, DIRECTORY = 7000, 7001, 7100, 7200


def network(settings: Settings) -> Template:
    """VPC, subnets, security groups, endpoints; a NAT gateway only for a site away from its journal."""
    template = blank(f"{settings.site} network")
    _subnets(template, settings)
    _groups(template, settings)
    _endpoints(template)
    if settings.crosses_regions:
        _way_out(template, settings)
    offer(template, "Vpc", *(f"Private{zone}" for zone in ZONES))
    offer(template, "EngineGroup.GroupId", "EdgeGroup.GroupId")
    return template


def _cidrs(settings: Settings) -> list[str]:
    return [str(block) for block in ip_network(settings.vpc_cidr).subnets(new_prefix=20)]


def _named(settings: Settings, part: str) -> Tags:
    return tags(settings, Name=f"aex-{settings.site}-{part}")


def _subnets(template: Template, settings: Settings) -> None:
    template.add_resource(
        ec2.VPC(
            "Vpc",
            CidrBlock=settings.vpc_cidr,
            EnableDnsHostnames=True,
            EnableDnsSupport=True,
            Tags=_named(settings, "vpc"),
        )
    )
    template.add_resource(ec2.RouteTable("PrivateRoutes", VpcId=Ref("Vpc"), Tags=_named(settings, "private")))
    for zone in ZONES:
        template.add_resource(
            ec2.Subnet(
                f"Private{zone}",
                VpcId=Ref("Vpc"),
                CidrBlock=_cidrs(settings)[zone],
                AvailabilityZone=Select(zone, GetAZs("")),
                Tags=_named(settings, f"private-{zone}"),
            )
        )
        template.add_resource(
            ec2.SubnetRouteTableAssociation(
                f"PrivateRoutes{zone}", SubnetId=Ref(f"Private{zone}"), RouteTableId=Ref("PrivateRoutes")
            )
        )


def _rule(port: int, why: str, **source: Any) -> ec2.SecurityGroupRule:
    return ec2.SecurityGroupRule(IpProtocol="tcp", FromPort=port, ToPort=port, Description=why, **source)


def _groups(template: Template, settings: Settings) -> None:
    members = {"CidrIp": settings.member_cidr}
    edge = {"SourceSecurityGroupId": GetAtt("EdgeGroup", "GroupId")}
    out = [ec2.SecurityGroupRule(IpProtocol="-1", CidrIp="0.0.0.0/0", Description="to AWS and to the engines")]
    ingress = {
        "EdgeGroup": [_rule(MARKET_DATA, "market data", **members), _rule(DIRECTORY, "directory", **members)],
        "EngineGroup": [
            _rule(ORDERS, "orders", **members),
            _rule(STATUS, "status, probed by the drill", **members),
            _rule(STATUS, "status, asked by the directory", **edge),
            _rule(MARKET_DATA, "the engine's own feed", **edge),
        ],
        "EndpointGroup": [_rule(443, "TLS to endpoints", CidrIp=settings.vpc_cidr)],
    }
    for title, rules in ingress.items():
        template.add_resource(
            ec2.SecurityGroup(
                title,
                GroupDescription=f"AEX {settings.site} {title}",
                VpcId=Ref("Vpc"),
                SecurityGroupIngress=rules,
                SecurityGroupEgress=out,
                Tags=_named(settings, title),
            )
        )


def _endpoints(template: Template) -> None:
    template.add_resource(
        ec2.VPCEndpoint(
            "S3Endpoint",
            VpcId=Ref("Vpc"),
            ServiceName=Sub("com.amazonaws.${AWS::Region}.s3"),
            VpcEndpointType="Gateway",
            RouteTableIds=[Ref("PrivateRoutes")],
        )
    )
    for title, service in (
        ("Firehose", "kinesis-firehose"),
        ("EcrApi", "ecr.api"),
        ("EcrDkr", "ecr.dkr"),
        ("Logs", "logs"),
    ):
        template.add_resource(
            ec2.VPCEndpoint(
                f"{title}Endpoint",
                VpcId=Ref("Vpc"),
                ServiceName=Sub(f"com.amazonaws.${{AWS::Region}}.{service}"),
                VpcEndpointType="Interface",
                PrivateDnsEnabled=True,
                SubnetIds=[Ref(f"Private{zone}") for zone in ZONES],
                SecurityGroupIds=[GetAtt("EndpointGroup", "GroupId")],
            )
        )


def _way_out(template: Template, settings: Settings) -> None:
    """Endpoints serve one region; streams and buckets of another are reached through a NAT gateway."""
    template.add_resource(ec2.InternetGateway("Gateway", Tags=_named(settings, "gateway")))
    template.add_resource(
        ec2.VPCGatewayAttachment("GatewayAttachment", VpcId=Ref("Vpc"), InternetGatewayId=Ref("Gateway"))
    )
    template.add_resource(
        ec2.Subnet(
            "Public",
            VpcId=Ref("Vpc"),
            CidrBlock=_cidrs(settings)[len(ZONES)],
            AvailabilityZone=Select(0, GetAZs("")),
            Tags=_named(settings, "public"),
        )
    )
    template.add_resource(ec2.RouteTable("PublicRoutes", VpcId=Ref("Vpc"), Tags=_named(settings, "public")))
    template.add_resource(
        ec2.SubnetRouteTableAssociation(
            "PublicRoutesOfSubnet", SubnetId=Ref("Public"), RouteTableId=Ref("PublicRoutes")
        )
    )
    template.add_resource(
        ec2.Route(
            "PublicDefault",
            RouteTableId=Ref("PublicRoutes"),
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=Ref("Gateway"),
            DependsOn="GatewayAttachment",
        )
    )
    template.add_resource(
        ec2.EIP("NatAddress", Domain="vpc", DependsOn="GatewayAttachment", Tags=_named(settings, "nat"))
    )
    template.add_resource(
        ec2.NatGateway(
            "Nat",
            SubnetId=Ref("Public"),
            AllocationId=GetAtt("NatAddress", "AllocationId"),
            Tags=_named(settings, "nat"),
        )
    )
    template.add_resource(
        ec2.Route(
            "PrivateDefault",
            RouteTableId=Ref("PrivateRoutes"),
            DestinationCidrBlock="0.0.0.0/0",
            NatGatewayId=Ref("Nat"),
        )
    )
