//! Where instances and containers get the credentials of their role.

use serde_json::{Value, json};

use super::{EXPIRATION, World};
use crate::http::{Reply, Request, Response};

/// The token of version 2 of the metadata service.
const TOKEN: &str = "canary-metadata-token";

const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

impl World {
    /// The metadata service of an instance, version 2 only.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
    pub(super) fn instance_metadata(&mut self, request: &Request) -> Reply {
        if (request.method.as_str(), request.path.as_str()) == ("PUT", "/latest/api/token") {
            let Some(lifetime) = request.header("x-aws-ec2-metadata-token-ttl-seconds") else {
                return text(400, "").violation("a metadata token without a lifetime");
            };
            let answer = Response::new(200, "text/plain", TOKEN);
            let answer = answer.header("x-aws-ec2-metadata-token-ttl-seconds", lifetime);
            return Reply::from(answer).named("MetadataToken");
        }
        if request.header("x-aws-ec2-metadata-token") != Some(TOKEN) {
            return text(401, "").named("InstanceCredentials");
        }
        let Some(role) = self.instance.clone() else {
            return text(404, "").named("InstanceCredentials");
        };
        let name = role.rsplit('/').next().unwrap_or_default();
        match request.path.strip_prefix(ROLES) {
            Some("") => text(200, name),
            Some(asked) if asked == name => {
                let mut body = self.role_credentials(&role, "i-0123456789abcdef0");
                body["Code"] = json!("Success");
                body["Type"] = json!("AWS-HMAC");
                body["LastUpdated"] = json!("2025-01-01T00:00:00Z");
                Reply::from(Response::json(200, &body)).named("InstanceCredentials")
            }
            _ => text(404, ""),
        }
    }

    /// The service of ECS and of EKS pod identity.
    /// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
    pub(super) fn container_credentials(&mut self, request: &Request) -> Reply {
        let reply = match self.container.clone() {
            Some((token, role)) if request.header("authorization") == Some(&token) => {
                Response::json(200, &self.role_credentials(&role, "task"))
            }
            _ => Response::json(
                401,
                &json!({ "code": "AccessDenied", "message": "the token is not the one of the container" }),
            ),
        };
        Reply::from(reply).named("ContainerCredentials")
    }

    fn role_credentials(&mut self, role: &str, session: &str) -> Value {
        let session = self.session(role, session);
        json!({
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret,
            "Token": session.token,
            "Expiration": EXPIRATION,
            "RoleArn": role,
        })
    }
}

fn text(status: u16, body: &str) -> Reply {
    Response::new(status, "text/plain", body).into()
}
