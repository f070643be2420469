//! What a manifest says.

use cachecow::{Answer, CacheSchema, Cached, KeyEncoder, Lookup as _};
use cachecow_tests::members::Member;
use cachecow_tests::posts::Post;
use serde_json::{Value, json};

use crate::program::members_in;

#[derive(Clone, Debug, Cached)]
#[cache(key = "page:{id}", fetch = Page::find)]
struct Page<T: Clone> {
    id: i64,
    #[cache(opaque)]
    more: Vec<u8>,
    of: Vec<T>,
}

impl<T: Clone> Page<T> {
    async fn find(id: i64) -> Result<Self, std::convert::Infallible> {
        Ok(Self { id, more: Vec::new(), of: Vec::new() })
    }
}

fn types(manifest: &str) -> Vec<Value> {
    let manifest: Value = serde_json::from_str(manifest).expect("JSON");
    assert_eq!(manifest["cachecow_manifest"], 1);
    manifest["types"].as_array().expect("types").clone()
}

#[test]
fn a_manifest_has_lookups_lists_tags_and_fields() {
    let types = types(&cachecow::manifest::<(Member, (Post, Answer<members_in>))>());
    let [member, post, query] = &types[..] else { panic!("{types:?}") };
    assert_eq!(member["name"], "Member");
    assert_eq!(member["fingerprint"], format!("{:016x}", Member::FINGERPRINT));
    assert_eq!(member["lookups"][0]["template"], "member:{id}");
    assert_eq!(
        member["tags"][1],
        json!({"name": "in_team", "template": "team:{org}:{team}", "parts": [
            {"name": "org", "type": "u32"}, {"name": "team", "type": "String"},
        ]})
    );
    assert_eq!(member["ttl_ms"], 600_000);
    assert_eq!(post["lists"][0]["name"], "list_by_author_id");
    assert_eq!(post["list_fingerprints"].as_array().map(Vec::len), Some(3));
    assert_eq!(post["fields"][2]["name"], "slug");
    assert_eq!(query["name"], "members_in");
    assert_eq!(query["query"], true);
    assert_eq!(query["lookups"][0]["parts"][0]["type"], "u32");
}

#[test]
fn a_generic_type_says_what_stands_in_its_keys_besides() {
    let types = types(&cachecow::manifest::<(Page<i64>, Page<String>)>());
    let [numbers, texts] = &types[..] else { panic!("{types:?}") };
    assert_eq!(numbers["fields"][1], json!({"name": "more", "opaque": true}));
    assert_ne!(numbers["arguments"], texts["arguments"]);
    // The key, put together as a tool does.
    let mut key = KeyEncoder::new("page:{}").as_bytes().to_vec();
    let hex = numbers["arguments"].as_str().expect("hexadecimal digits");
    let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
    key.extend(bytes.map(|byte| byte.expect("a byte")));
    key.push(7);
    assert_eq!(key, Page::<i64>::by_id(7).key().as_bytes());
}
