// Package webhook sends messages to receivers by HTTP, signed as the Standard
// Webhooks specification 1.0.0 has it, and judges what they answer. It knows
// neither subscriptions nor the log: whoever sends decides what and when.
//
//	Key       what a receiver knows us by: HMAC-SHA256, or ed25519
//	Request   one message for one receiver, with its Sign headers
//	Outcome   what became of a try: its Verdict, and what the receiver said
//	Schedule  when to try again, and when to give up
//	Guard     the addresses that are dialled, and no others
//	Breakers  hosts that are down are left alone, each for a while
//	Sender    makes one try, or asks by a Handshake whether any is wanted
//	Roots     who may vouch for a receiver
//
// URLs and keys hold what only their owner may know: Redact makes a URL fit for
// logs and answers, and a Key prints as its kind only.
package webhook
