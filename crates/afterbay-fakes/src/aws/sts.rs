//! The query protocol of STS: `AssumeRole` and `AssumeRoleWithWebIdentity`.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::collections::BTreeMap;

use serde_json::json;

use super::scripted::{Scripted, What};
use super::sigv4::{Refusal, Signed};
use super::{EXPIRATION, Session, World};
use crate::http::{Reply, Request, Response};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

type Form = BTreeMap<String, String>;

impl World {
    /// Answers a form.
    pub(super) fn sts(&mut self, request: &Request) -> Reply {
        let form = request.form();
        let action = form.get("Action").cloned().unwrap_or_default();
        let needed: &[&str] = match action.as_str() {
            "AssumeRole" => &["Action", "RoleArn", "RoleSessionName", "Version"],
            "AssumeRoleWithWebIdentity" => &[
                "Action",
                "RoleArn",
                "RoleSessionName",
                "Version",
                "WebIdentityToken",
            ],
            other => return violation(format!("action {other} of STS")),
        };
        let fields: Vec<&str> = form.keys().map(String::as_str).collect();
        if fields != needed || form["Version"] != "2011-06-15" {
            return violation(format!("the form of {action}: {fields:?}")).named(&action);
        }
        let signed = self.record(request, &action, json!(form), "sts");
        let reply = match self.scripted(&action) {
            Some(scripted) => play(scripted),
            None if action == "AssumeRole" => self.assume_role(&form, signed),
            None => self.assume_role_with_web_identity(&form),
        };
        reply.named(&action)
    }

    fn assume_role(&mut self, form: &Form, signed: Result<Signed, Refusal>) -> Reply {
        let signed = match signed {
            Ok(signed) => signed,
            Err(Refusal::Incomplete(what)) => {
                return error(400, "IncompleteSignature", &what).violation(what);
            }
            Err(refusal) => return unsigned(&refusal),
        };
        let role = &form["RoleArn"];
        if !self.roles.contains(role) {
            let message = format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {role}",
                signed.arn
            );
            return error(403, "AccessDenied", &message);
        }
        let session = self.session(role, &form["RoleSessionName"]);
        credentials("AssumeRole", &session)
    }

    fn assume_role_with_web_identity(&mut self, form: &Form) -> Reply {
        match self.web_identities.get(&form["WebIdentityToken"]) {
            None => error(400, "InvalidIdentityToken", "No OpenIDConnect provider found"),
            Some(role) if *role != form["RoleArn"] => error(
                403,
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            ),
            Some(_) => {
                let session = self.session(&form["RoleArn"], &form["RoleSessionName"]);
                credentials("AssumeRoleWithWebIdentity", &session)
            }
        }
    }
}

fn play(scripted: Scripted) -> Reply {
    let reply = match scripted.what {
        What::Error {
            status,
            code,
            message,
        } => error(status, &code, &message),
        What::Body(status, text) => Response::new(status, "text/xml", text).into(),
        What::Silence => Reply::silence(),
        What::Hangup => Reply::hangup(),
        What::Key(_) => violation("a data key scripted for STS".to_owned()),
    };
    reply.after(scripted.wait)
}

fn credentials(action: &str, session: &Session) -> Reply {
    let Session {
        access_key_id,
        secret,
        token,
    } = session;
    let body = format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result><Credentials><AccessKeyId>{access_key_id}\
         </AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>\
         <Expiration>{EXPIRATION}</Expiration></Credentials></{action}Result></{action}Response>"
    );
    Response::new(200, "text/xml", body).into()
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    let message = message.replace('&', "&amp;").replace('<', "&lt;");
    let body = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}\
         </Message></Error><RequestId>1</RequestId></ErrorResponse>"
    );
    Response::new(status, "text/xml", body).into()
}

fn violation(what: String) -> Reply {
    error(400, "ValidationError", &what).violation(what)
}

fn unsigned(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::Missing | Refusal::Incomplete(_) => error(
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        ),
        Refusal::Unknown => error(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ),
        Refusal::Mismatch => error(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        ),
        Refusal::Expired => error(403, "RequestExpired", "Request has expired."),
    }
}
