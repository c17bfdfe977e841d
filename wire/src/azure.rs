//! Azure OpenAI, outbound: OpenAI chat completions under a deployment's path. Source:
//! learn.microsoft.com/azure/ai-services/openai/reference, and recorded traffic.

use crate::dialect::{Call, Decode, Outbound, Target};
use crate::embeddings::{self, Embeds};
use crate::openai_chat::{OpenAiChat, Written, write_body};
use crate::path::push_encoded;
use bytes::Bytes;
use gateway_core::conversation::{Conversation, Event};
use gateway_core::fault::Fault;

/// The dialect; the base URL is the resource's, `https://NAME.openai.azure.com`.
#[derive(Clone, Copy, Debug)]
pub struct AzureOpenAi;

impl Outbound for AzureOpenAi {
    /// The path names the deployment; the `model` in the body is ignored there.
    fn encode(&self, conversation: &Conversation, target: &Target) -> Call {
        let Written { body, dropped, renamed } = write_body(conversation, target);
        let mut path = "/openai/deployments/".to_owned();
        push_encoded(target.model, &mut path);
        path.push_str("/chat/completions?api-version=");
        push_encoded(target.api_version, &mut path);
        Call { path, headers: &[], body, dropped, renamed }
    }

    fn answer(&self, body: &Bytes) -> Result<Vec<Event>, Fault> {
        Outbound::answer(&OpenAiChat, body)
    }

    fn stream(&self) -> Box<dyn Decode + Send> {
        Outbound::stream(&OpenAiChat)
    }

    fn fault(&self, status: u16, header: &dyn Fn(&str) -> Option<String>, body: &[u8]) -> Fault {
        Outbound::fault(&OpenAiChat, status, header, body)
    }

    fn embeds(&self) -> Option<&'static dyn Embeds> {
        Some(&embeddings::Azure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_core::catalog::{Abilities, Efforts};
    use gateway_core::ids::ProviderKind;

    #[test]
    fn the_path_names_deployment_and_version() {
        let target = Target {
            model: "gpt 4o/eu",
            output_bound: 100,
            kind: ProviderKind::AzureOpenAi,
            abilities: Abilities::default(),
            efforts: Efforts::default(),
            stream: false,
            stream_usage: true,
            api_version: "2024-10-21",
        };
        let call = AzureOpenAi.encode(&Conversation::default(), &target);
        assert_eq!(call.path, "/openai/deployments/gpt%204o%2Feu/chat/completions?api-version=2024-10-21");
    }
}
