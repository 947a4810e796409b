// Lets the framework speak to any AWS-compatible endpoint. The SDK takes AWS_ENDPOINT_URL from the environment by
// itself, but puts the bucket's name in front of the host unless that is an IP address, and only AWS has a name server
// for that (https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).

class AwsEndpoint {
  constructor(serverless) {
    if (!process.env.AWS_ENDPOINT_URL && !process.env.AWS_ENDPOINT_URL_S3) return;
    const provider = serverless.getProvider('aws');
    const configure = provider.getAwsSdkV3Config.bind(provider);
    // Clients of other services have no such option and leave it alone.
    provider.getAwsSdkV3Config = (options) => configure({ ...options, forcePathStyle: true });
  }
}

module.exports = AwsEndpoint;
