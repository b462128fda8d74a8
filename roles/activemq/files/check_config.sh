#!/bin/sh
# Judges a candidate configuration with the schemas that ship inside the installed broker's own jars: activemq.xsd declares
# `broker`, and the `beans` around it belong to Spring's schema. Nothing is started.
#
# A JVM is on every host that has the broker, and its validator needs nothing else: no package is added for it. The program is
# Java from the mark on; `java FILE.java` compiles it in memory, without javac.
#
# usage: check_config.sh STAGE CONFIGURATION HOME     STAGE/CONFIGURATION is the candidate, HOME/lib holds the broker's jars
# exit code 0: it is valid; 1: it is not, and standard output says why, a line for each objection.
sed '1,/^# --- Java/d' "$0" >"$1/CheckConfig.java"
exec java -XX:TieredStopAtLevel=1 "$1/CheckConfig.java" "$@"
# --- Java
import java.io.InputStream;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import javax.xml.XMLConstants;
import javax.xml.transform.Source;
import javax.xml.transform.stream.StreamSource;
import javax.xml.validation.SchemaFactory;
import javax.xml.validation.Validator;
import org.xml.sax.ErrorHandler;
import org.xml.sax.SAXParseException;

class CheckConfig {
    static final String SPRING = "org/springframework/beans/factory/xml/spring-beans";

    public static void main(String[] arguments) throws Exception {
        Path candidate = Path.of(arguments[0], arguments[1]);
        Set<String> objections = new LinkedHashSet<>();
        try {
            SchemaFactory factory = SchemaFactory.newInstance(XMLConstants.W3C_XML_SCHEMA_NS_URI);
            factory.setProperty(XMLConstants.ACCESS_EXTERNAL_SCHEMA, "");
            factory.setProperty(XMLConstants.ACCESS_EXTERNAL_DTD, "");
            Validator validator = factory.newSchema(schemas(Path.of(arguments[2], "lib"))).newValidator();
            validator.setProperty(XMLConstants.ACCESS_EXTERNAL_DTD, "");
            validator.setErrorHandler(collector(objections));
            validator.validate(new StreamSource(candidate.toFile()));
        } catch (SAXParseException error) {
            objections.add(sentence(error));
        }
        if (objections.isEmpty()) {
            return;
        }
        System.out.println("the broker's own schema refuses the configuration; correct the variable that it names "
            + "(activemq_destination_policies, activemq_kahadb, activemq_broker_xml or activemq_beans_xml):");
        objections.stream().limit(10).forEach(System.out::println);
        System.exit(1);
    }

    static ErrorHandler collector(Set<String> objections) {
        return new ErrorHandler() {
            public void warning(SAXParseException error) { }
            public void error(SAXParseException error) { objections.add(sentence(error)); }
            public void fatalError(SAXParseException error) throws SAXParseException { throw error; }
        };
    }

    /** Without Xerces' code in front ("cvc-complex-type.3.2.2: ..."), which tells an operator nothing. */
    static String sentence(SAXParseException error) {
        return "line " + error.getLineNumber() + ": " + error.getMessage().replaceFirst("^[a-zA-Z0-9.-]+: ", "");
    }

    static Source[] schemas(Path lib) throws Exception {
        Source spring = null;
        Source broker = null;
        List<Path> jars;
        try (Stream<Path> found = Files.walk(lib, FileVisitOption.FOLLOW_LINKS)) {
            jars = found.filter(path -> path.toString().endsWith(".jar") && Files.isRegularFile(path)).sorted().collect(Collectors.toList());
        }
        for (Path jar : jars) {
            try (ZipFile archive = new ZipFile(jar.toFile())) {
                broker = broker != null ? broker : read(archive, "activemq.xsd");
                spring = spring != null ? spring : read(archive, newest(archive));
            }
        }
        if (spring == null || broker == null) {
            System.out.println("activemq.xsd or spring-beans.xsd is in none of the jars below " + lib + "; install the broker again");
            System.exit(1);
        }
        return new Source[] {spring, broker};
    }

    /** Spring 5 has one spring-beans.xsd; before it there is a file for each version, and the last name is the newest. */
    static String newest(ZipFile archive) {
        return archive.stream().map(ZipEntry::getName).filter(name -> name.startsWith(SPRING) && name.endsWith(".xsd"))
            .max((one, other) -> one.equals(SPRING + ".xsd") ? 1 : other.equals(SPRING + ".xsd") ? -1 : one.compareTo(other)).orElse("");
    }

    static Source read(ZipFile archive, String name) throws Exception {
        ZipEntry entry = archive.getEntry(name);
        if (entry == null) {
            return null;
        }
        try (InputStream stream = archive.getInputStream(entry)) {
            return new StreamSource(new java.io.ByteArrayInputStream(stream.readAllBytes()), name);
        }
    }
}
