// SQS.
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'

// The benchmark's SQS server returns no checksum of the message, so the client must not expect one.
const client = new SQSClient({ md5: false })

/** Sends `message` as JSON to the SQS queue `url`. It can be received after `delay` seconds. */
export const send = (url, message, delay) =>
  client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: JSON.stringify(message), DelaySeconds: delay }))
