"""Turns template.yaml into a template that the emulator can deploy: expands SAM and replaces unsupported resources.

`python local/template.py` prints the template that SAM makes of template.yaml on AWS, for linters.
"""

import json
import logging
import string
from pathlib import Path

from boto3 import Session
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse
from yaml import YAMLError

from daemon import Failure
from emulator import REGION, architecture
from guard import HTTP_API_ID, WEBSOCKET_API_ID


def load(path):
    try:
        return yaml_parse(path.read_text())
    except YAMLError as error:
        raise Failure(f"{path} is not valid YAML: {error}.") from None


def binaries(template):
    """Maps each function's logical ID to the name of its binary."""
    return {
        logical_id: resource["Metadata"]["BuildProperties"]["Binary"]
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def expand(template, code, parameters, endpoint):
    """Returns the CloudFormation template. `code` maps each function's logical ID to the bucket and key of its zip."""
    template["Globals"]["Function"]["Architectures"] = [architecture()]
    template = expand_sam(template, code, parameters)
    resources = template["Resources"]
    for logical_id, resource in list(resources.items()):
        properties = resource["Properties"]
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in properties:
            resources.update(http_api(logical_id, resource))
        elif resource["Type"] == "AWS::ApiGatewayV2::Api":
            properties["Tags"] = {"ms-custom-id": WEBSOCKET_API_ID}
        elif resource["Type"] in ("AWS::ApiGatewayV2::RouteResponse", "AWS::ApiGatewayV2::Deployment"):
            del resources[logical_id]  # the emulator does not know these types, and works without them
        elif resource["Type"] == "AWS::ApiGatewayV2::Stage":
            properties.pop("DeploymentId", None)
        elif resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in properties:
            del resources[logical_id]  # the emulator's alarms cannot add up metrics
        elif resource["Type"] == "AWS::S3::BucketPolicy":
            del resources[logical_id]  # it requires TLS, and the emulator serves HTTP
        elif resource["Type"] == "AWS::SecretsManager::Secret":
            # The emulator ignores ExcludePunctuation, so this lists the punctuation to exclude.
            properties["GenerateSecretString"]["ExcludeCharacters"] = string.punctuation
        elif resource["Type"] == "AWS::Lambda::Function":
            # The user pool's tokens name AWS as their issuer, but the emulator serves the keys that verify them. The
            # parameter TokenJwksUrl cannot hold their URL, because it contains the ID of the pool, which does not exist
            # before the deployment.
            variables = properties["Environment"]["Variables"]
            variables["TOKEN_JWKS_URL"] = {"Fn::Sub": endpoint + "/${UserPool}/.well-known/jwks.json"}
    return template


def expand_sam(template, code, parameters):
    """Returns the CloudFormation template that SAM makes of a template on AWS."""
    for logical_id, (bucket, key) in code.items():
        template["Resources"][logical_id]["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": key}
    logging.disable(logging.CRITICAL)  # the translator logs errors about its own metrics
    translator = Translator({}, Parser(), boto_session=Session(region_name=REGION))
    try:
        return translator.translate(template, parameters)  # SAM itself resolves some of the parameters
    except InvalidDocumentException as error:
        raise Failure(f"SAM rejects template.yaml: {error.causes[0].message}.") from None
    finally:
        logging.disable(logging.NOTSET)


def http_api(api, resource):
    """Turns the API's OpenAPI body into routes, integrations and authorizers. The emulator does not import the body."""
    body = resource["Properties"].pop("Body")
    resource["Properties"] = {
        "Name": {"Ref": "AWS::StackName"},
        "ProtocolType": "HTTP",
        # The emulator reads CORS settings only if their names start with a lower-case letter, as in the OpenAPI body.
        "CorsConfiguration": body["x-amazon-apigateway-cors"],
        "Tags": {"ms-custom-id": HTTP_API_ID},
    }
    resources = {}
    for name, scheme in body["components"]["securitySchemes"].items():
        authorizer = scheme["x-amazon-apigateway-authorizer"]
        resources[f"{api}{name}"] = {
            "Type": "AWS::ApiGatewayV2::Authorizer",
            "Properties": {
                "ApiId": {"Ref": api},
                "Name": name,
                "AuthorizerType": authorizer["type"].upper(),
                "IdentitySource": [authorizer["identitySource"]],
                "JwtConfiguration": {
                    "Issuer": authorizer["jwtConfiguration"]["issuer"],
                    "Audience": authorizer["jwtConfiguration"]["audience"],
                },
            },
        }
    operations = [
        (method.upper(), path, operation)
        for path, methods in body["paths"].items()
        for method, operation in methods.items()
    ]
    for method, path, operation in operations:
        name = api + "".join(part.capitalize() for part in [method, *path.split("/")]).translate(UNNAMEABLE)
        integration = operation["x-amazon-apigateway-integration"]
        resources[f"{name}Integration"] = {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": {"Ref": api},
                "IntegrationType": integration["type"].upper(),
                "IntegrationUri": integration["uri"],
                "PayloadFormatVersion": integration["payloadFormatVersion"],
            },
        }
        route = {
            "ApiId": {"Ref": api},
            "RouteKey": f"{method} {path}",
            "Target": {"Fn::Sub": f"integrations/${{{name}Integration}}"},
        }
        (authorizer,) = operation["security"][0]
        if authorizer != "NONE":
            route |= {"AuthorizationType": "JWT", "AuthorizerId": {"Ref": f"{api}{authorizer}"}}
        resources[f"{name}Route"] = {"Type": "AWS::ApiGatewayV2::Route", "Properties": route}
    return resources


# Characters of URL paths that a logical ID in CloudFormation must not contain.
UNNAMEABLE = str.maketrans("", "", "{}-_.+")


def main():
    sam = load(Path(__file__).resolve().parent.parent / "template.yaml")
    code = {logical_id: ("code", f"{name}.zip") for logical_id, name in binaries(sam).items()}
    print(json.dumps(expand_sam(sam, code, {}), indent=2))


if __name__ == "__main__":
    main()
