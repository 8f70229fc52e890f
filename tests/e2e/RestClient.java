import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.UUID;

/** Publishes the numbers below COUNT over REST, one after the other: java RestClient.java URL-OF-THE-MESSAGES COUNT */
public class RestClient {
    public static void main(String[] arguments) throws Exception {
        // Without settings of its own: so it asks to be upgraded to HTTP/2.
        HttpClient client = HttpClient.newHttpClient();
        for (int payload = 0; payload < Integer.parseInt(arguments[1]); payload++) {
            String message = "{\"id\":\"" + UUID.randomUUID() + "\",\"payload\":" + payload + "}";
            HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0]))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(message))
                .build();
            HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.body());
        }
    }
}
