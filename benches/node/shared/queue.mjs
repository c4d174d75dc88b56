// SQS.
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'

// The benchmark's queue returns no checksum to verify.
const client = new SQSClient({ md5: false })

/** Sends `message` as JSON, to be received after `delay` seconds. */
export const send = (url, message, delay) =>
  client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: JSON.stringify(message), DelaySeconds: delay }))
